#!/bin/sh
# roofline_gpus.sh [GPU,GPU..] - tests/roofline with real compilers, on GPUs that the lab ($TUFF_SHARED, else ../shared) simulates:
# kernels without spills whose loops are found, and whose shares of multiply-adds are those of tests/data/roofline/shares, which has a row for each that a class's
# table can choose. Without names: AMD and NVIDIA, one matrix product.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
build=${TUFF_BUILD_DIR:-build/release}
gpus=${1:-navi31,ada} kernels='^matmul/1024$'
[ -e "${TUFF_SHARED:-../shared}/lab/shader-stats" ] || { echo "skipped: no lab (TUFF_SHARED, ../shared)"; exit 77; }
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: made for another system"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"; then
    echo "skipped: the drivers bring a C library that sanitizers do not know"
    exit 77
fi
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
"$build/tests/roofline_kernels" > /dev/null || exit $?
[ $# -eq 0 ] || kernels='^(matmul|conv|depthwise)'
for gpu in $(echo "$gpus" | tr , ' '); do
    "${TUFF_SHARED:-../shared}/lab/gpu.sh" "$gpu" -- /bin/true > /dev/null 2>&1 || { echo "skipped: the lab has no $gpu"; exit 77; }
done
result=$(mktemp)
trap 'rm -f "$result"' EXIT
TUFF_BUILD_DIR=$build PYTHONDONTWRITEBYTECODE=1 python3 tests/roofline --gpus "$gpus" --kernels "$kernels" --json "$result"
PYTHONDONTWRITEBYTECODE=1 python3 tests/roofline check "$result" tests/data/roofline/shares
