#!/bin/sh
# lint_tutorials.sh - docs/tutorials show the code of docs/examples (lint_tutorials.py says how).
set -eu
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
exec python3 "$(dirname -- "$0")/lint_tutorials.py"
