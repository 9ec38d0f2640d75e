#!/bin/sh
# detect_boxes.sh - tuff-detect on the stored pictures of three detectors: its boxes are those that a second decoder, here in Python, reads from what ONNX
# Runtime gave for the same pictures; padded, smaller and turned pictures; standard input and frames; drawings; what is wrong with the command line and with files.
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

    # Standard input: the picture as a file holds it, and as raw RGB three times.
    size=$(cat "$work/stream.size")
    "$program" $yunet "$work/yunet-n.0.png" | tail -n +2 > "$work/of_file"
    "$program" $yunet --out-dir "$work/streamed" - < "$work/yunet-n.0.png" > "$work/output" 2>&1 || grep -q 'without cairo' "$work/output" || fail "standard input: $(cat "$work/output")"
    grep -q '^-: 1 face' "$work/output" && tail -n +2 "$work/output" | head -n 1 | cmp -s - "$work/of_file" || fail "standard input: other faces than the file"
    "$program" $yunet --frames "$size" --every 2 - < "$work/stream" > "$work/frames" || fail "frames: failed"
    [ "$(grep -o '^frame [0-9]*: 1 face' "$work/frames" | tr '\n' ' ')" = 'frame 0: 1 face frame 2: 1 face ' ] || fail "frames: $(cat "$work/frames")"
    grep -v '^frame' "$work/frames" | sort -u | cmp -s - "$work/of_file" || fail "frames: other faces than the file"
    "$program" $yunet --frames "$size" --json - - < "$work/stream" > "$work/frames.json" || fail "frames: failed"
    python3 -c 'import json, sys; assert [f["frame"] for f in json.load(open(sys.argv[1]))] == [0, 1, 2]' "$work/frames.json" || fail "frames: their JSON"
    if "$program" $yunet --frames "$size" --every 2 --out-dir "$work/streamed" - < "$work/stream" > "$work/output" 2>&1; then
        [ "$(cd "$work/streamed" && echo *)" = 'frame-0.png frame-2.png stdin.png' ] || fail "drawn of standard input: $(ls "$work/streamed")"
    else
        grep -q 'without cairo' "$work/output" || fail "frames, drawn: $(cat "$work/output")"
    fi
    head -c 100000 "$work/stream" > "$work/short"
    ends 1 "ends within frame 0, behind 100000 of" $yunet --frames "$size" - < "$work/short"
    ends 1 "holds no frame" $yunet --frames 640x360 - < /dev/null
    ends 1 "standard input: it is empty" $yunet - < /dev/null
    ends 2 "as 640x360" $yunet --frames 640 -
    ends 2 "from standard input alone" $yunet --frames 640x360 x.png
    ends 2 "--every goes with --frames" $yunet --every 2 x.png
    for every in 0 -1 2.5 no; do ends 2 "--every is a whole number from 1" $yunet --frames 640x360 --every $every -; done
    ends 2 "holds one picture" $yunet - -
    ends 2 "--out is for one picture" $yunet --frames 640x360 --out x.png -

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
