#!/bin/sh
# roofline_count.sh - tests/roofline without a GPU: it counts recorded disassemblies of every compiler right, tells a text without a
# loop, and compares two results.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
roofline() { PYTHONDONTWRITEBYTECODE=1 python3 tests/roofline "$@"; }

# What is expected was counted by hand, in the lines between the loop's label and its jump back: hints to the scheduler are no
# instructions, a multiply-add of addresses is none, two in one instruction are two, a repeated one counts as often.
for file in tests/data/roofline/*.txt; do
    name=${file##*/}
    roofline count "${name%.txt}" "$file"
done > "$folder/counted"
diff -u tests/data/roofline/expected "$folder/counted"

echo "==== Assembly (Final Assembly)" > "$folder/none.txt"
roofline count aco "$folder/none.txt" | grep -qx 'none.txt: ?' || { echo "a text without a loop: expected ?"; exit 1; }

result() { # result SPILLS SHARE
    echo '{"format": "tuff-roofline", "format_version": 1, "rows": [
        {"gpu": "navi31", "work": "matmul", "kernel": "gemm_tile", "invocations": 128, "spills": '"$1"', "share": '"$2"',
         "loop_instructions": 100, "loop_muladds": 50, "loads_per_muladd": 0.2, "loop_is_whole_kernel": false}]}'
}
result 0 0.5 > "$folder/old.json"
result 0 0.6 > "$folder/faster.json"
result 9 0.6 > "$folder/spilled.json"
expect() { # expect TEXT NEW
    roofline compare "$folder/old.json" "$folder/$2.json" > "$folder/compared"
    grep -qF "$1" "$folder/compared" || { cat "$folder/compared"; echo "$2: expected '$1'"; exit 1; }
}
expect 'matmul, navi31: better: share 50 % -> 60 %' faster
expect 'matmul, navi31: worse: spills 0 -> 9, share 50 % -> 60 %' spilled
expect 'navi31            0       1       0' old
printf 'navi31 matmul gemm_tile 51 # 3 points are left\n' > "$folder/shares"
roofline check "$folder/old.json" "$folder/shares" | grep -qx 'all kernels are as they should be' || { echo "a share within the margin was refused"; exit 1; }
printf 'navi31 matmul gemm_uni 54\n' > "$folder/shares"
for wrong in 'kernel gemm_tile, expected gemm_uni' 'share 50 %, expected 54 %' '9 spills'; do
    roofline check "$folder/$([ "$wrong" = '9 spills' ] && echo spilled || echo old).json" "$folder/shares" > "$folder/checked" && { echo "check found nothing"; exit 1; }
    grep -qF "$wrong" "$folder/checked" || { cat "$folder/checked"; echo "expected '$wrong'"; exit 1; }
done
echo '{}' > "$folder/other.json"
if roofline compare "$folder/old.json" "$folder/other.json" 2> /dev/null; then echo "a file of another format was compared"; exit 1; fi
echo "roofline_count: $(wc -l < "$folder/counted") disassemblies, 4 comparisons"
