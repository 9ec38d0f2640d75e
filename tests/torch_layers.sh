#!/bin/sh
# torch_layers.sh - layers and losses: results, gradients and ten steps of training are PyTorch's own in double precision (tests/torch/layers.py), and
# parameters begin as its do. Needs python3 with torch (tests/run_torch.sh), else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
"$python" tests/torch/layers.py --can || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"${TUFF_BUILD_DIR:-build/release}/tests/torch-layers" "$@" > "$work/layers" || status=$?
if [ $status -ne 0 ]; then grep -vE '^(in|out|leaf) ' "$work/layers" | tail -n 3; exit $status; fi
OMP_NUM_THREADS=1 "$python" tests/torch/layers.py "$work/layers"
