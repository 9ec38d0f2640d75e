#!/bin/sh
# onnx_classify.sh - ten photographs by an ImageNet network of others: their best classes are those that PyTorch found, by its int8
# copy, which has errors of its own, at least eight. The float weights are fetched by the test data's own script: TUFF_MODELS says where they are.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
name=tuff-classify needs=efficientnet-lite0
. tests/run_program.sh
check() { # MODEL MOST: so many of ten may have another best class
    "$program" --model "$1" --preset lite --labels "$shared/models/efficientnet-lite0/labels.json" --json "$work/answers" "$shared"/pictures/photos/* > /dev/null
    python3 - "$work/answers" "$shared/models/efficientnet-lite0/case.json" "$2" <<'CHECK'
import json, sys
answers = {a["picture"].split("/")[-1]: a["classes"] for a in json.load(open(sys.argv[1]))}
cases = json.load(open(sys.argv[2]))["pictures"]["cases"]
wrong = [c["picture"] for c in cases if answers[c["picture"].split("/")[-1]][0]["name"] != c["labels"][0]]
print(len(cases) - len(wrong), "of", len(cases), "photographs have the stored best class", *wrong)
sys.exit(len(cases) != 10 or len(wrong) > int(sys.argv[3]))
CHECK
}
check "$shared/models/efficientnet-lite0-int8/model.onnx" 2
if [ -e "${TUFF_MODELS:-/nowhere}/efficientnet-lite0/model.safetensors" ]; then
    check "$TUFF_MODELS/efficientnet-lite0/model.onnx" 0
else
    echo "the float model's weights are not here (TUFF_MODELS): int8 alone"
fi
code=0
"$program" --model "$shared/models/efficientnet-lite0-int8/model.onnx" --labels "$0" x.png 2> "$work/error" || code=$?
[ $code -eq 1 ] && grep -q 'classes; the model has 1000' "$work/error" || { cat "$work/error"; exit 1; }
code=0
"$program" --model "$shared/models/silero-vad/model.onnx" x.png 2> "$work/error" || code=$?
[ $code -eq 1 ] && grep -q 'no network of pictures' "$work/error" || { cat "$work/error"; exit 1; }
