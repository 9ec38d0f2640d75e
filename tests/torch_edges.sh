#!/bin/sh
# torch_edges.sh - NaN, infinities, zeros and last batches: Tuff's results and gradients are PyTorch's own, but for what tests/torch/edges.py
# lists. Needs python3 with torch (tests/run_torch.sh), else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
"$python" tests/torch/edges.py --can || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"${TUFF_BUILD_DIR:-build/release}/tests/torch-edges" > "$work/edges" || status=$?
if [ $status -ne 0 ]; then tail -n 3 "$work/edges"; exit $status; fi
OMP_NUM_THREADS=1 "$python" tests/torch/edges.py "$work/edges"
