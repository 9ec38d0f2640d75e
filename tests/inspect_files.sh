#!/bin/sh
# inspect_files.sh - tuff-inspect on real models, arrays and wrong files: exit status, JSON that a parser takes, numbers that are known, a page that
# loads nothing and draws in a browser, in which texts of the file stay texts.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-inspect needs=yunet-n
. tests/run_program.sh
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
models=$shared/models
# json EXPRESSION ARGUMENTS..: of the object r
json() {
    expression=$1; shift
    code=0
    "$program" --json "$@" > "$work/json" 2> "$work/error" || code=$?
    python3 - "$work/json" "$expression" <<'CHECK' || fail "$*: $(cat "$work/error")"
import json, sys
def no(word): raise ValueError("not JSON: " + word)
r = json.load(open(sys.argv[1], encoding="utf-8"), parse_constant=no)
assert set(r) == {"tuff", "file", "kind", "file_bytes", "runs", "reason", "operator_set", "parameters", "inputs", "outputs", "arrays", "texts", "operators", "costs", "profile", "nodes"}, set(r)
assert sum(o["count"] for o in r["operators"]) == len(r["nodes"])
ops = {o["operator"]: o["count"] for o in r["operators"]}
cost = r["costs"][0] if r["costs"] else None
if not eval(sys.argv[2]): sys.exit("not true: " + sys.argv[2])
CHECK
}
yunet=$models/yunet-n/model.onnx

ends 0 "it can run" "$yunet"
ends 0 "open dimensions are taken as 1, behind the first as 64" "$yunet"
ends 0 "[batch, 3, height, width] -> [2, 3, 64, 96]" "$yunet" --shape input=2,3,64,96
ends 0 "cls_8    f32   [batch, dim, 1] -> [1, 1600, 1]" "$yunet" -s width=320 -s height=320
ends 0 "clamped to v3d71" "$yunet" --limits v3d71
ends 1 "does not fit into axis" "$yunet" --shape input=1,3,1,1
json 'r["runs"] and r["kind"] == "onnx" and r["operator_set"] == 11 and ops["Conv"] == 59 and r["parameters"]["numbers"] == 73873 and cost["error"] is None and cost["launches"] > 0 and r["inputs"][0]["bound"] == [1, 3, 64, 64]' "$yunet"
json 'r["profile"]["nanoseconds"] > 0 and abs(sum(n["nanoseconds"] for n in r["nodes"]) / r["profile"]["nanoseconds"] - 1) < 1e-3 and len(r["costs"]) == 2 and r["costs"][1]["limits"] == "floor"' "$yunet" --profile --limits floor
# Products that are known: ten numbers of a classifier of digits, two convolutions before them.
json 'r["runs"] and ops["ConvInteger"] == 2 and cost["multiply_adds"] > 28 * 28 * 8 * 25 and r["outputs"][0]["bound"] == [1, 10]' "$models/mnist-int8/model.onnx"
json 'r["runs"] and r["inputs"][2]["shape"] == [] and any(n["within"] is not None for n in r["nodes"]) and r["parameters"]["numbers"] > 500000' "$models/silero-vad/model.onnx" --value sr=16000 --shape input=1,576
json 'r["runs"] is None and r["kind"] == "safetensors" and len(r["arrays"]) == 15 and r["parameters"]["bytes"] == 4 * r["parameters"]["numbers"]' "$models/silero-vad-safetensors/model.safetensors"
json 'r["kind"] == "HDF5" and len(r["arrays"]) == 8' tests/data/weights/small.h5
json 'r["kind"] == "PyTorch" and len(r["arrays"]) == 28 and {a["name"]: a["shape"] for a in r["arrays"]}["turned"] == [4, 3]' tests/data/weights/old.pth
json 'r["kind"] == "numpy" and r["arrays"][0]["shape"] == [1, 1600, 1]' "$models/yunet-n/outputs/0_cls_8.npy"
for model in "$models"/*/model.onnx; do # each is read, and either runs or says why
    json 'r["runs"] or (r["runs"] is False and r["reason"])' "$model"
done

# What no row covers: another operator's name of the same length, another domain.
python3 - "$yunet" "$work" <<'MAKE'
import sys
data = open(sys.argv[1], "rb").read()
open(sys.argv[2] + "/unknown.onnx", "wb").write(data.replace(b"Sigmoid", b"Sigmund"))
open(sys.argv[2] + "/hostile.onnx", "wb").write(data.replace(b"Conv_1", b"<b>\"&>").replace(b"Relu_1", b"\xff\x1b[1m$"))
open(sys.argv[2] + "/cut.onnx", "wb").write(data[:-9999])
MAKE
json 'r["runs"] is False and [(o["operator"], o["count"]) for o in r["operators"] if not o["covered"]] == [("Sigmund", 6)] and "Sigmund" in r["reason"]' "$work/unknown.onnx"
ends 1 "Sigmund, set 11, 6 times: is not covered" "$work/unknown.onnx"
json 'r["runs"] and any(n["name"].startswith("<b>") for n in r["nodes"])' "$work/hostile.onnx"
{ cat "$yunet"; printf '\162\020\012\004note\022\010<b>\033[1m\n'; } > "$work/texts.onnx" # metadata_props
json '{"key": "note", "value": "<b>\x1b[1m\n"} in r["texts"]' "$work/texts.onnx"
ends 0 'note: <b>\x1b[1m\n' "$work/texts.onnx"
ends 0 "it can run" "$work/hostile.onnx" --html "$work/hostile.html"
! LC_ALL=C grep -q "$(printf '\033')" "$work/output" || fail "a control character of a file reaches the terminal"

# A model of Tuff's own
python3 - "$work" <<'MAKE'
import os, struct, sys
for name, magic, kind in (("train-images", 2051, 3), ("train-labels", 2049, 1), ("t10k-images", 2051, 3), ("t10k-labels", 2049, 1)):
    with open(os.path.join(sys.argv[1], name + "-idx%d-ubyte" % kind), "wb") as f:
        f.write(struct.pack(">ii", magic, 40) + (struct.pack(">ii", 8, 8) + bytes(i * 7 % 256 for i in range(40 * 64)) if kind == 3 else bytes(i % 10 for i in range(40))))
MAKE
if "$build/bin/tuff-train" --data "$work" --arch mlp --epochs 1 --batch 10 --out "$work/trained" > "$work/log" 2>&1; then
    json 'r["runs"] and r["kind"].startswith("model") and ops["matmul"] >= 2 and r["inputs"][0]["type"] == "u8" and cost["launches"] > 0 and {n["domain"] for n in r["nodes"]} == {"tuff"}' "$work/trained/model.tuff"
    json 'r["profile"]["nanoseconds"] > 0' "$work/trained/model.tuff" --profile
    ends 0 "checkpoint" "$work/trained/training.tuff"
    ends 2 "holds arrays" "$work/trained/training.tuff" --profile
    ends 2 "says its shapes itself" "$work/trained/model.tuff" --shape x=1
    head -c 5000 "$work/trained/model.tuff" > "$work/cut.tuff"
    ends 1 "cut.tuff" "$work/cut.tuff"
else
    fail "no model to look at: $(tail -n 3 "$work/log")"
fi

ends 1 "cannot be opened" "$work/nowhere.onnx"
ends 1 "cut.onnx" "$work/cut.onnx"
ends 1 "no ONNX file" README.md
: > "$work/empty"
ends 1 "empty" "$work/empty"
ends 2 "which file" --json
ends 2 "unexpected argument" "$yunet" "$yunet"
ends 2 "wrong use" --nothing "$yunet"
for shape in input=1,3,x input=1,3 input=1,4,64,64 nobody=3 input=1,,3 99999999999; do ends 2 "--shape $shape" "$yunet" --shape $shape; done
for value in input nobody=1 input=x; do ends 2 "--value $value" "$yunet" --value $value; done
ends 2 "nonsense" "$yunet" --limits nonsense
ends 2 "holds arrays" "$models/silero-vad-safetensors/model.safetensors" --profile
ends 0 "Usage" --help
ends 1 "nowhere" "$yunet" --html "$work/nowhere/page.html"

# Pages load nothing, and draw.
"$program" --profile "$yunet" -s 1,3,64,64 --html "$work/yunet.html" > /dev/null
"$program" "$models/silero-vad/model.onnx" -v sr=16000 -s input=1,576 --html "$work/silero.html" > /dev/null
"$program" "$models/silero-vad-safetensors/model.safetensors" --html "$work/arrays.html" > /dev/null
for page in yunet silero arrays hostile; do
    ! grep -oE '(https?:)?//[a-z0-9.]+\.[a-z]{2,}|(src|href)=' "$work/$page.html" | head -n 3 | grep . || fail "$page.html: loads something"
done
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -n "$browser" ]; then
    for page in yunet silero arrays hostile; do
        sed 's|</body>|<script>if (report.nodes.length) { scopes.forEach(show); show(scopes[0]); boxes.forEach(pick); byId("search").value = "conv"; search(); next(); } if (document.documentElement.scrollWidth > innerWidth) document.documentElement.dataset.wide = 1; document.documentElement.dataset.drawn = document.querySelectorAll(".node").length; document.documentElement.dataset.done = 1;</script></body>|' \
            "$work/$page.html" > "$work/probed.html"
        timeout 120 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/profile" --window-size=500,900 \
            --dump-dom "file://$work/probed.html" > "$work/dom" 2> "$work/log" || { tail -n 3 "$work/log"; fail "$page: the browser failed"; }
        root=$(grep -o -m 1 '<html[^>]*>' "$work/dom")
        case $root in *data-error* | *data-wide*) fail "$page: $root" ;; *data-done*) ;; *) fail "$page: its script did not end: $root" ;; esac
        case $page,$root in
        yunet,*'data-drawn="176"'* | hostile,*'data-drawn="176"'* | silero,* | arrays,*'data-drawn="0"'*) ;; # 163 nodes, one input, 12 outputs
        *) fail "$page: $root" ;;
        esac
    done
    ! grep -q '<b>' "$work/dom" || fail "hostile: markup of a name is let in"
    grep -q '&lt;b&gt;' "$work/dom" || fail "hostile: the name is not shown"
fi
[ $failures -eq 0 ] || exit 1
