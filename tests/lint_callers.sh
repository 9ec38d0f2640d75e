#!/bin/sh
# lint_callers.sh - every public function is called by a test, a sample or an example: what nobody calls is not tested, and goes. Rows
# of graph/ops/pointwise.def are called by their table.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname "$0")/..}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
headers='backend/backend.h backend/base.h backend/caps.h backend/executable.h backend/vulkan.h graph/augment.h graph/values.h graph/operators.h graph/layers.h graph/losses.h graph/metrics.h graph/sequence.h graph/session.h graph/spatial.h graph/train.h loaders/loaders.h samples/data/data.h'
for header in $headers; do if [ -e "$header" ]; then cat "$header"; fi; done | tr '\n' ' ' | sed 's/TUFF_API/\n&/g' |
    sed -n 's/^TUFF_API[^(]*[^a-z0-9_]\(tuff_[a-z0-9_]*\)(.*/\1/p' | sort -u > "$work/declared"
find tests samples docs/examples ! -path 'samples/data/*' \( -name '*.c' -o -name '*.h' \) -exec cat {} + | grep -oE '\btuff_[a-z0-9_]+' | sort -u > "$work/called"
comm -23 "$work/declared" "$work/called" > "$work/missing"
[ "$(wc -l < "$work/declared")" -gt 100 ] || { echo "few declarations were found: is the list of headers right?"; exit 1; }
sed 's/$/: no test, sample or example calls it/' "$work/missing"
echo "$(wc -l < "$work/declared") public functions"
[ ! -s "$work/missing" ]
