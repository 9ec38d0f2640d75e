#!/bin/sh
# torch_optimizers.sh - optimizers and schedules: 20 steps of training, averages, and rates are PyTorch's own in double precision (tests/torch/optimizers.py).
# Needs python3 with torch (tests/run_torch.sh), else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"${TUFF_BUILD_DIR:-build/release}/tests/torch-optimizers" "$@" > "$work/optimizers" || status=$?
if [ $status -ne 0 ]; then grep -vE '^(in|out|leaf) ' "$work/optimizers" | tail -n 3; exit $status; fi
OMP_NUM_THREADS=1 "$python" tests/torch/optimizers.py "$work/optimizers"
