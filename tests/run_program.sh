# run_program.sh - what tests of one program share; read by them (.) with $name, the program, and $needs, a model of the shared data, set, in the root.
# Sets build, program, shared (its data), work, and skips where one of them is not to be had; fail, ends; the test's last line is [ $failures -eq 0 ].
build=${TUFF_BUILD_DIR:-build/release}
program=$build/bin/$name
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # drivers' own, as in train_program
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: made for another system"; exit 77; }
[ -x "$program" ] && [ -x "$build/bin/tuff-onnx" ] || { echo "skipped: built without programs or ONNX"; exit 77; }
shared=
for folder in "${TUFF_SHARED:-}" ../shared; do
    if [ -n "$folder" ] && [ -d "$folder/data/models/$needs" ]; then shared=$folder/data; break; fi
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
