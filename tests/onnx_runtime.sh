#!/bin/sh
# onnx_runtime.sh - what Tuff writes as ONNX, judged by the ONNX project's checker and ONNX Runtime (tests/run_onnx.sh), and the shared data's real models,
# read, written, and read again: they give the same.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=${TUFF_BUILD_DIR:-build/release}/tests/onnx_write
[ -x "$program" ] || { echo "skipped: built without samples or ONNX"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 models=0
python=$(tests/run_onnx.sh) || python=
for test in onnx_write onnx_quantize; do
    [ -z "$python" ] || "${program%/*}/$test" --dump "$work" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
for folder in "${TUFF_SHARED:-}" ../shared; do
    [ -n "$folder" ] && [ -d "$folder/data/models" ] || continue
    for model in "$folder"/data/models/*/model.onnx; do
        name=$(basename "$(dirname "$model")")
        inputs=$(cd "$(dirname "$model")" && python3 -c 'import json, os
for i in json.load(open("case.json"))["runs"][0]["inputs"]: print(i["name"] + "=" + os.path.abspath(i["file"]))') || continue
        # shellcheck disable=SC2086
        if "$program" --dump "$work" --model "$model" "$work/model-$name.onnx" $inputs > "$work/log" 2>&1; then
            models=$((models + 1))
        elif grep -q "cannot open" "$work/log"; then
            echo "$name: left out: $(sed -n 's/.*(\(cannot open .*\))$/\1/p' "$work/log" | head -n 1)"
        else
            echo "$name:"; grep -v "^log" "$work/log" | cut -c1-600 | head -5
            failures=$((failures + 1))
        fi
    done
    break
done
[ -z "$python" ] || "$python" tests/onnx/runtime.py "$work" || failures=$((failures + 1))
[ -n "$python" ] || [ $models -gt 0 ] || { echo "skipped: no python3 with onnx and onnxruntime (tests/run_onnx.sh), no models (TUFF_SHARED, ../shared)"; exit 77; }
echo "onnx_runtime.sh: $models real models written and read again, $failures failures"
[ $failures -eq 0 ]
