#!/bin/sh
# torch_weights.sh - a checkpoint that PyTorch writes is read into the same network of Tuff's, which then gives PyTorch's outputs within 1e-5
# (tests/torch/weights.py, tests/train_weights.c). Needs python3 with torch and numpy (tests/run_torch.sh), else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
"$python" -c 'import numpy' 2> /dev/null || { echo "skipped: no numpy beside torch"; exit 77; }
here=${TUFF_BUILD_DIR:-build/release}
! grep -q TUFF_HAVE_ "$here/build.ninja" 2> /dev/null || grep -q TUFF_HAVE_ZIP=1 "$here/build.ninja" || { echo "skipped: built without libzip"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OMP_NUM_THREADS=1 "$python" tests/torch/weights.py "$work"
"$here/tests/train_weights" "$work/checkpoint.pth" "$work/x.npy" "$work/y.npy"
