#!/bin/sh
# quantize_program.sh - tuff-quantize on real models and on wrong use: exit status, what it tells, that the model it wrote is a smaller one of the same answers.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-quantize needs=mnist-cnn
. tests/run_program.sh
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
cp "$mnist/model.onnx" "$work/same.onnx"
ln -s same.onnx "$work/link.onnx"
ends 2 "would be lost" "$work/same.onnx" --data x -o "$work/./same.onnx"
ends 2 "would be lost" "$work/same.onnx" --data x -o "$work/link.onnx"
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
mkdir "$work/zip" "$work/rows"
printf 'PK\005\006\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' > "$work/zip/x.npy" # an archive of nothing
ends 1 "x.npy: holds no single array" "$mnist/model.onnx" --data "$work/zip" -o "$out"
printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1, 28, 28), }" > "$work/rows/x.npy"
ends 1 "its arrays hold no samples" "$mnist/model.onnx" --data "$work/rows" -o "$out"
ends 1 "cannot" "$work/missing.onnx" --data "$mnist/inputs" -o "$out"
ends 1 "it takes [1, 1, 28, 28]" "$mnist/model.onnx" --data "$shared/models/super-resolution/inputs" -o "$out"
ends 1 "$work/missing" "$mnist/model.onnx" --data "$mnist/inputs" -o "$work/missing/out.onnx"
if command -v python3 > /dev/null 2>&1; then # an output and an operand that are left out have one name: ""
    mkdir "$work/left"
    python3 - "$work" <<'MAKE'
import struct, sys
def varint(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
def part(field, data): return varint(field * 8 + 2) + varint(len(data)) + data
def whole(field, n): return varint(field * 8) + varint(n)
def value(name, *dims): return part(1, name) + part(2, part(1, whole(1, 1) + part(2, b"".join(part(1, whole(1, d)) for d in dims))))
def node(op, ins, outs, more=b""): return part(1, b"".join(part(1, n) for n in ins) + b"".join(part(2, n) for n in outs) + part(4, op) + more)
def tensor(name, numbers, *dims): return part(5, b"".join(whole(1, d) for d in dims) + whole(2, 1) + part(8, name) + part(9, struct.pack("<%df" % len(numbers), *numbers)))
axis = part(5, part(1, b"axis") + whole(3, 1) + whole(20, 2))
graph = node(b"Split", [b"x"], [b"", b"b"], axis) + node(b"Resize", [b"b", b"", b"scales"], [b"r"]) + node(b"Conv", [b"r", b"w"], [b"y"]) + part(2, b"g")
graph += tensor(b"scales", [1, 1, 2, 2], 4) + tensor(b"w", [1, -1, 2, 1], 2, 2, 1, 1) + part(11, value(b"x", 1, 4, 4, 4)) + part(12, value(b"y", 1, 2, 8, 8))
open(sys.argv[1] + "/left.onnx", "wb").write(whole(1, 8) + part(8, whole(2, 17)) + part(7, graph))
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4, 4, 4), }".ljust(117) + b"\n"
open(sys.argv[1] + "/left/x.npy", "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + struct.pack("<128f", *(n % 7 - 3 for n in range(128))))
MAKE
    ends 0 "1 quantized, 0 left" "$work/left.onnx" --data "$work/left" -o "$out"
    [ "$(grep -ao 'QuantizeLinear' "$out" | wc -l)" -eq 3 ] || fail "what Resize reads and gives, and Conv gives: $(grep -ao 'QuantizeLinear' "$out" | wc -l) are rounded, not 3"
fi
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
