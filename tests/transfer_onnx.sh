#!/bin/sh
# transfer_onnx.sh - what samples/transfer made of a backbone goes out as ONNX, and ONNX Runtime says the same of the test pictures (tests/onnx/answers.py):
# over a backbone of its own, and over a network of ONNX (a small one of the shared test data) that is cut, trained with its batch norms, and written.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
program=${TUFF_BUILD_DIR:-build/release}/bin/sample-transfer
[ -x "$program" ] || { echo "skipped: built without samples"; exit 77; }
python=$(sh tests/run_onnx.sh) || { echo "skipped: no python3 with onnx and onnxruntime: sh tests/run_onnx.sh make"; exit 77; }
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # drivers and fontconfig keep some
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { "$@" > "$work/output" 2>&1 || { tail -n 5 "$work/output"; exit 1; }; }
if ! "$program" --make-data "$work/glyphs" --size 48 --letters 4 --trained 8 --tested 4 --out "$work" > "$work/output" 2>&1; then
    if grep -q 'families of fonts with\|has no cairo' "$work/output"; then echo "skipped: no fonts to draw with"; exit 77; fi
    tail -n 5 "$work/output"; exit 1
fi
# check NAME ARGUMENTS...
check() {
    name=$1; shift
    run "$program" --data "$work/glyphs" --out "$work/$name" --epochs 2 --unfrozen 1 --batch 16 --answers "$@"
    if grep -q '^no ONNX' "$work/output"; then sed -n 's/^no ONNX */skipped: /p' "$work/output"; exit 77; fi
    "$python" -W ignore tests/onnx/answers.py "$work/$name"
}
check own --shape small --size 32 --stored 48
for folder in "${TUFF_SHARED:-}" ../shared; do
    model=$folder/data/models/ppocr-v2-cls/model.onnx
    [ -n "$folder" ] && [ -e "$model" ] || continue
    check cut --backbone "$model" --cut p2o.GlobalAveragePool.19 --size 48 --stored 48 --preset signed
    break
done
