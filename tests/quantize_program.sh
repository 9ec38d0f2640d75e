#!/bin/sh
# quantize_program.sh - tuff-quantize on real models and on wrong use: exit status, what it tells, that the model it wrote is a smaller one of the same answers.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
build=${TUFF_BUILD_DIR:-build/release}
program=$build/bin/tuff-quantize
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # drivers' own, as in train_program
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: made for another system"; exit 77; }
[ -x "$program" ] && [ -x "$build/bin/tuff-onnx" ] || { echo "skipped: built without programs or ONNX"; exit 77; }
shared=
for folder in "${TUFF_SHARED:-}" ../shared; do
    if [ -n "$folder" ] && [ -d "$folder/data/models/mnist-cnn" ]; then shared=$folder/data; break; fi
done
[ -n "$shared" ] || { echo "skipped: no models (TUFF_SHARED, ../shared)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() { echo "$*"; failures=$((failures + 1)); }
# ends STATUS WORDS ARGUMENTS..: with that status, and the words somewhere in what it prints
ends() {
    wanted=$1 words=$2; shift 2
    code=0
    "$program" "$@" > "$work/output" 2>&1 || code=$?
    [ $code -eq "$wanted" ] || fail "$*: status $code, expected $wanted: $(tail -n 2 "$work/output")"
    grep -qF -- "$words" "$work/output" || fail "$*: expected '$words', got: $(head -n 6 "$work/output")"
}
also() { grep -qE -- "$1" "$work/output" || fail "expected '$1', got: $(cat "$work/output")"; }
mnist=$shared/models/mnist-cnn out=$work/out.onnx

ends 0 "3 quantized, 0 left" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out"
also "calibrated with 2 of 3 samples" && also "the same best class of 1 of 1" && also "Plus214_Output_0 +[23][0-9]\.[0-9] dB"
[ "$(wc -c < "$out")" -lt 9000 ] || fail "the int8 model has $(wc -c < "$out") bytes"
ends 0 "3 quantized" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --percentile 99.9 --per-tensor --activations i8 --samples 3
also "99.9 % of values" && also "3 samples of the calibration: no others are left" && also "dB"
ends 0 "Convolution28_Output_0: as --skip says" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --skip Convolution28_Output_0
also "2 quantized, 1 left"
{ cat "$mnist/model.onnx"; printf '\162\017\012\004note\022\007by hand\162\024\012\006labels\022\012one\ntwo\n10'; } > "$work/texts.onnx" # metadata_props
ends 0 "3 quantized, 0 left" "$work/texts.onnx" --data "$mnist/inputs" -o "$out"
"$build/bin/tuff-inspect" "$out" > "$work/output" 2>&1 || true
also "^  note: by hand" && also "^  labels: one.ntwo.n10"
mkdir "$work/pictures" "$work/pictures/3" "$work/none" "$work/wrong"
cp "$shared/pictures/jpeg/testorig.jpg" "$work/pictures/3"
cp "$shared/pictures/photos/coins.png" "$work/pictures/3"
ends 0 "accuracy" "$mnist/model.onnx" --data "$work/pictures" --preset bytes -o "$out" # class folders called as numbers of classes
also "calibrated with 1 of 2 pictures"
mv "$work/pictures/3" "$work/pictures/three"
ends 0 "accuracy is not known" "$mnist/model.onnx" --data "$work/pictures" --preset bytes -o "$out"

head -c 100 "$mnist/inputs/$(ls "$mnist/inputs" | head -n 1)" > "$work/wrong/x.npy"
ends 2 "which model is it?" --data x -o y
ends 2 "--data is missing" model.onnx -o y
ends 2 "--out is missing" model.onnx --data x
ends 2 "would be lost" "$mnist/model.onnx" --data x -o "$mnist/model.onnx"
ends 2 "--percentile cannot be \"5\"" model.onnx --percentile 5
ends 2 "does not go with --method min-max" model.onnx --data x -o y --method min-max --percentile 99
ends 2 "no Conv, Gemm or MatMul, or result of one" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --skip Nothing
ends 2 "no Conv, Gemm or MatMul" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --skip ReLU32_Output_0
ends 2 "for pictures" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --bgr
ends 2 "the model says other sizes" "$mnist/model.onnx" --data "$mnist/inputs" -o "$out" --shape 1,1,28,29
ends 2 "unknown option" model.onnx --nothing
ends 1 "no such folder" "$mnist/model.onnx" --data "$work/missing" -o "$out"
ends 1 "no pictures, .npy or .npz" "$mnist/model.onnx" --data "$work/none" -o "$out"
ends 1 "x.npy" "$mnist/model.onnx" --data "$work/wrong" -o "$out"
ends 1 "cannot" "$work/missing.onnx" --data "$mnist/inputs" -o "$out"
ends 1 "it takes [1, 1, 28, 28]" "$mnist/model.onnx" --data "$shared/models/super-resolution/inputs" -o "$out"
ends 1 "$work/missing" "$mnist/model.onnx" --data "$mnist/inputs" -o "$work/missing/out.onnx"
if [ -d "$shared/models/yunet-n" ]; then # sums, pools, resizing, many outputs
    mkdir "$work/yunet" && cp "$shared/models/yunet-n/inputs/0_input.npy" "$work/yunet"
    ends 0 "59 quantized, 0 left" "$shared/models/yunet-n/model.onnx" --data "$work/yunet" -o "$out"
    also "cls_8 +3[0-9]\.[0-9] dB" && also "kps_32 +2[0-9]\.[0-9] dB"
fi
if [ -e "${TUFF_MODELS:-/nowhere}/efficientnet-lite0/model.safetensors" ]; then # a network of batch norms and depthwise convolutions
    ends 0 "50 quantized, 0 left" "$TUFF_MODELS/efficientnet-lite0/model.onnx" --data "$shared/pictures/photos" --preset lite -o "$out"
    also "the same best class of [45] of 5"
fi
[ $failures -eq 0 ] && echo "quantize_program.sh: no failures"
exit $failures
