#!/bin/sh
# detect_boxes.sh - tuff-detect on the stored pictures of three detectors: its boxes are those that a second decoder, here in Python, reads from what ONNX
# Runtime gave for the same pictures; padded, smaller and turned pictures; drawings; what is wrong with the command line and with files.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-detect needs=yunet-n
. tests/run_program.sh
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
"$program" --version | grep -q PNG || { echo "skipped: this build reads no PNG"; exit 77; }
models=$shared/models
python3 tests/detect_reference.py make "$models" "$work" || exit 1
for run in yunet-n.0 yunet-n.1 ultraface-rfb-320.0 ultraface-rfb-320.1 ppocr-v3-det.0 ppocr-v3-det.1; do
    "$program" --model "$models/${run%.*}/model.onnx" --json "$work/$run.json" "$work/$run.png" > /dev/null || fail "$run: failed"
done
yunet="--model $models/yunet-n/model.onnx"
# shellcheck disable=SC2086
{
    "$program" $yunet --json "$work/padded.json" "$work/padded.png" > /dev/null || fail "padded: failed"
    "$program" $yunet --side 160 --json "$work/small.json" "$work/yunet-n.0.png" > /dev/null || fail "made smaller: failed"
    "$program" $yunet --times --json - "$shared/pictures/photos/astronaut.png" > "$work/astronaut.json" 2> "$work/times" || fail "astronaut.png: failed"
    grep -q 'the first of 512 x 512: a plan of its own' "$work/times" && grep -q '^boxes ' "$work/times" || fail "times: $(cat "$work/times")"
    "$program" --model "$models/ppocr-v3-det/model.onnx" --json "$work/turned.json" "$work/turned.png" > /dev/null || fail "turned: failed"
    for model in yunet-n-int8-qdq yunet-n-int8-qop ultraface-int8-qdq; do
        [ ! -d "$models/$model" ] || "$program" --model "$models/$model/model.onnx" --json "$work/$model.json" "$work/yunet-n.0.png" > /dev/null || fail "$model: failed"
    done
    ends 1 "1 of 2 pictures failed" $yunet --json "$work/failed.json" "$work/yunet-n.0.png" "$work/none.png"
    python3 tests/detect_reference.py compare "$models" "$work" || fail "other boxes than the reference"

    ends 0 "yunet-n.0.png: 1 face" $yunet --score 0.5 "$work/yunet-n.0.png"
    ends 0 "yunet-n.0.png: 0 faces" $yunet --score 0.99 "$work/yunet-n.0.png"
    ends 0 "yunet-n.0.png: 1 face" --model "$work/nan.onnx" "$work/yunet-n.0.png" # the one whose landmarks are numbers
    ends 2 "--model is missing" x.png
    ends 2 "no pictures are named" $yunet
    ends 2 "--kind is yunet" $yunet --kind yolo x.png
    ends 2 "--score is 0 to 1" $yunet --score 2 x.png
    ends 2 "--iou is 0 to 1" $yunet --iou no x.png
    ends 2 "--side is 32" $yunet --side 8 x.png
    ends 2 "--out is for one picture" $yunet --out x.png a.png b.png
    ends 2 "do not go together" $yunet --out x.png --out-dir d a.png
    ends 2 "unknown option" $yunet --colour a.png
    ends 1 "none.onnx" --model none.onnx "$work/yunet-n.0.png"
    ends 1 "is no detector" --model "$models/mnist-cnn/model.onnx" "$work/yunet-n.0.png"
    ends 1 "no detector that is known" --model "$models/efficientnet-lite0-int8/model.onnx" "$work/yunet-n.0.png"
    ends 1 "not those of --kind db" $yunet --kind db "$work/yunet-n.0.png"
    ends 1 "would both be drawn" $yunet --out-dir "$work/drawn" "$work/yunet-n.0.png" "$work/folder/yunet-n.0.jpg"
    ends 1 "make too long a path" $yunet --out-dir "$work/$(printf '%600s' | sed 's/ /.\//g')" "$work/yunet-n.0.png"
    ends 1 "No such file" $yunet --json "$work/none/a.json" "$work/yunet-n.0.png"
    if "$program" $yunet --out-dir "$work/drawn" "$work/padded.png" "$work/yunet-n.1.png" > "$work/output" 2>&1; then
        python3 tests/detect_reference.py drawn "$work" || fail "a drawing is wrong"
    else
        grep -q 'without cairo' "$work/output" || fail "drawing: $(cat "$work/output")"
    fi
}
[ $failures -eq 0 ]
