#!/bin/sh
# pack_program.sh - tuff-pack: an ONNX classifier becomes a model file with kernels, which runs fused without a compiler and is taught there (session_kernels
# plays it); photographs have the classes that they had; classes of devices by name and by file; what is wrong is told.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-pack needs=mnist-cnn
. tests/run_program.sh
also() { grep -qE -- "$1" "$work/output" || fail "expected '$1', got: $(cat "$work/output")"; }
mnist=$shared/models/mnist-cnn/model.onnx out=$work/out.tuff
plays() { # CLASSES or none: all plans of the file are fused
    "$build/tests/session_kernels" "$out" "$work/taught.tuff" "$@" > "$work/output" 2>&1 || fail "not all fused: $(cat "$work/output")"
}
printf kept > "$out.0.model" # names that are somebody's
printf kept > "$out.0.taught"
code=0
"$program" "$mnist" --preset bytes -o "$out" --for floor > "$work/output" 2>&1 || code=$?
if [ $code -ne 0 ] && grep -q "this build has none" "$work/output"; then echo "skipped: built without a shader compiler"; exit 77; fi

"$build/bin/tuff-info" --caps > "$work/this.caps" # what runs here
ends 0 "10 classes, softmax added, batches of 1" "$mnist" --preset bytes -o "$out" --for "$work/this.caps" --teach 3
also "features +256" && also "kernels +[0-9]+, for .*this.caps"
plays && plays 3
also "missing \"\""
"$build/bin/tuff-classify" --model "$work/taught.tuff" "$shared/pictures/photos/coins.png" > "$work/output" 2>&1 || fail "taught: $(cat "$work/output")"
also "one|two"
"$build/tests/session_kernels" "$out" "$work/taught.tuff" 4 > "$work/output" 2>&1 && fail "four classes were fused"
also 'missing "[a-z]' # told, and right all the same
ends 0 "for mali-g52, mali-g610, floor" "$out" -o "$out" --for mali,floor # into itself; what was there stays
plays && plays 3
cp "$out" "$work/more.tuff"
ends 0 "for mali-g52" "$work/more.tuff" -o "$work/more.tuff" --for mali-g52 --anew
"$build/tests/session_kernels" "$work/more.tuff" "$work/taught.tuff" 3 > "$work/output" 2>&1 && fail "--anew left kernels of a head"
also 'missing "[a-z]'
[ "$(wc -c < "$work/more.tuff")" -lt "$(wc -c < "$out")" ] || fail "--anew leaves the file as large as it was"
ends 0 "adreno618-qualcomm" "$out" -o "$work/all.tuff"
also "powervr"
[ $(($(wc -c < "$work/all.tuff") + 256)) -ge "$(wc -c < "$out")" ] || # the last section ends where it ends
    fail "all classes take less than some"
if command -v python3 > /dev/null 2>&1; then
    lite() { # MODEL MOST: so many of ten may have another best class
        ends 0 "1000 classes, softmax added, batches of 8" "$1" --preset lite --labels "$shared/models/efficientnet-lite0/labels.json" -o "$out" --for floor
        also "features +1280"
        "$build/bin/tuff-classify" --model "$out" --json "$work/answers" "$shared"/pictures/photos/* > /dev/null
        python3 - "$work/answers" "$shared/models/efficientnet-lite0/case.json" "$2" <<'CHECK' || fail "photographs have other classes"
import json, sys
answers = {a["picture"].split("/")[-1]: a["classes"] for a in json.load(open(sys.argv[1]))}
cases = json.load(open(sys.argv[2]))["pictures"]["cases"]
wrong = [c["picture"] for c in cases if answers[c["picture"].split("/")[-1]][0]["name"] != c["labels"][0]]
print(len(cases) - len(wrong), "of", len(cases), "photographs have the stored best class", *wrong)
sys.exit(len(cases) != 10 or len(wrong) > int(sys.argv[3]))
CHECK
    }
    if [ -e "${TUFF_MODELS:-/nowhere}/efficientnet-lite0/model.safetensors" ]; then
        lite "$TUFF_MODELS/efficientnet-lite0/model.onnx" 0
    else
        lite "$shared/models/efficientnet-lite0-int8/model.onnx" 2
    fi
fi

ends 2 "which model is it?" -o x.tuff
ends 2 "--out is missing" model.onnx
ends 2 "is a model file of Tuff" "$mnist" -o x.onnx
ends 2 "no class of devices is called \"nokia\"; there are: adreno618" "$mnist" -o "$out" --for nokia
ends 2 "--teach cannot be \"1\"" "$mnist" -o "$out" --teach 1
ends 2 "--teach cannot be \"5-2\"" "$mnist" -o "$out" --teach 5-2
ends 2 "takes 1 at once and no other" "$mnist" --preset bytes --batch 4 -o "$work/x.tuff"
ends 2 "for ONNX models" "$out" -o "$work/x.tuff" --preset lite
frames() { sed -n 's/^kernels  *\([0-9]*\),.*/\1/p' "$work/output"; }
ends 0 "kernels" "$out" -o "$work/x.tuff" --for floor
without=$(frames)
ends 0 "kernels" "$out" -o "$work/x.tuff" --for floor --camera
[ "$(frames)" -gt "$without" ] || fail "--camera adds no kernels to $without: $(frames)"
rm "$work/x.tuff"
ends 2 "unknown option" "$mnist" --nothing
ends 2 "there is no preset" "$mnist" -o "$work/x.tuff" --preset nothing
ends 2 "has no output \"features\"" "$shared/models/super-resolution/model.onnx" -o "$work/x.tuff" --teach 2 --for floor
printf 'name x\n' > "$work/short.caps"
ends 1 "kind is missing" "$mnist" -o "$work/x.tuff" --preset bytes --for "$work/short.caps"
ends 1 "missing.caps: cannot be read" "$mnist" -o "$work/x.tuff" --preset bytes --for "$work/missing.caps"
ends 1 "$work/missing" "$mnist" -o "$work/missing/x.tuff" --preset bytes
ends 1 "not a checkpoint, model or executable" "$0" -o "$work/x.tuff"
[ "$(cat "$out.0.model" "$out.0.taught")" = keptkept ] || fail "files that were there were lost"
rm "$out.0.model" "$out.0.taught"
[ ! -e "$work/x.tuff" ] && [ -z "$(ls "$work" | grep -E '(model|taught|part)$')" ] || fail "something was left behind: $(ls "$work")"
[ $failures -eq 0 ] && echo "pack_program.sh: no failures"
