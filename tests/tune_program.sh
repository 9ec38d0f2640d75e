#!/bin/sh
# tune_program.sh - tuff-tune on a small net and an ONNX model: a tuning file that programs take, a report without this machine's names, of which rows.py
# makes rows; wrong use, and a file that was damaged.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-tune needs=mnist-cnn
. tests/run_program.sh
ends 0 "works" mlp:train "$shared/models/mnist-cnn/model.onnx" -n 1 -o "$work/tuning.txt" -r "$work/report.json"
head -n 1 "$work/tuning.txt" | grep -qx "tuff-tuning 1" || fail "the file begins with: $(head -n 1 "$work/tuning.txt")"
sed -n 2p "$work/tuning.txt" | grep -q '^device ' || fail "no device in the file"
TUFF_TUNING="$work/tuning.txt" "$program" mlp -n 1 -o "$work/again.txt" > "$work/output" 2>&1 || fail "its own file is not taken: $(cat "$work/output")"
for word in "$(uname -n)" "${HOME:-/root}/" "$work" "$shared"; do
    ! grep -qwF -- "$word" "$work/report.json" || fail "the report holds '$word'"
done
if command -v python3 > /dev/null 2>&1; then
    python3 samples/tune/rows.py --least 1 "$work/report.json" > "$work/rows" || fail "rows.py does not read the report"
    grep -q MEASURED "$work/rows" || ! grep -q shuffle "$work/report.json" || fail "rows.py gives no row: $(cat "$work/rows")"
    grep '^TUFF_' "$work/rows" | sed 's/\(([^,]*,[^,]*,[^,]*,\).*/\1/' > "$work/begins" # class, layouts, family: a row that it replaces
    while read -r begin; do grep -qF "$begin" graph/ops/families.def || fail "the table has no row that begins with $begin"; done < "$work/begins"
fi
ends 2 "which networks" -n 1
ends 2 "no net is called" mlp nothing
ends 2 "--batch is a whole number of 1 to 4096, not" mlp -b 2x
ends 2 "--runs is a whole number" mlp -n -1
ends 1 "/nowhere" mlp -o /nowhere/tuning.txt
ends 1 "model.onnx" /nowhere/model.onnx
printf 'tuff-tuning 1\ndevice 1 2 3 4 "x"\nmatmul f32 8x8 f32 8x8 #0 = shuffel 4\n' > "$work/bad.txt"
TUFF_TUNING="$work/bad.txt" "$program" mlp -n 1 -o "$work/again.txt" > "$work/output" 2>&1 && fail "a damaged tuning file is taken"
grep -q "line 3: there is no such family" "$work/output" || fail "expected the line, got: $(cat "$work/output")"
[ $failures -eq 0 ]
