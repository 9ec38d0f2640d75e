#!/bin/sh
# bench_run.sh - tuff-bench as a user runs it: a few works, their file, its check, the page; the frozen list of works; wrong use.
#   tests/bench_run.sh [--update]   writes tests/data/bench/workload-2.txt anew
set -eu
bench=${TUFF_BUILD_DIR:-build/release}/bin/tuff-bench
source=${TUFF_SOURCE_DIR:-$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)}
[ -x "$bench" ] || { echo "skipped: no tuff-bench in this build"; exit 77; }
if [ "${TUFF_CROSS:-}" = TRUE ]; then echo "skipped: a program of another system"; exit 77; fi
# Under sanitizers: lavapipe of Debian 12 leaks 128 bytes when it is unloaded, which is not ours (cmake/tests.cmake).
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
export ASAN_OPTIONS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

# Works of a version never change: their ids, sizes and titles are those of the file.
"$bench" --list > "$work/list"
[ "${1:-}" != --update ] || cp "$work/list" "$source/tests/data/bench/workload-2.txt"
diff "$source/tests/data/bench/workload-2.txt" "$work/list" || fail "the works of workload version 2 have changed"

# Wrong use is told in a sentence, with status 2.
for wrong in "--nonsense" "--min-seconds none" "extra" "check" "report $work/x.html" "--json -" "--html x.json" "--only no-such-work"; do
    # shellcheck disable=SC2086
    if "$bench" $wrong > "$work/out" 2>&1; then fail "'$wrong' was taken"; elif [ $? -ne 2 ]; then fail "'$wrong' ended otherwise"; fi
    [ -s "$work/out" ] || fail "'$wrong' ended without a word"
done
# What cannot be written is told before anything is measured, and many stars take no time.
ln -s far/result.json "$work/link.json"
ln -s far/result.json "$work/link"
for file in "$work/none/result" "$work" "$work/link"; do
    for option in --json --html; do
        "$bench" --quick $option "$file" > "$work/out" 2>&1 && fail "$option $file was taken"
        grep -q "$file: " "$work/out" || { cat "$work/out"; fail "$option $file: no sentence"; }
    done
done
[ "$("$bench" --list --only '*a*e*a*e*a*e*a*e*a*e*a*e*a*e*a*e*a*e*a*e*z' | wc -l)" -eq 0 ] || fail "--only with stars"
"$bench" --help | grep -q -- --sustained || fail "no help"

[ "$("$bench" --list --only 'peak/submit,net/mlp/*/b1/*,no-such-work' | wc -l)" -eq 2 ] || fail "--only with commas"

"$bench" --device 0 --plan --only 'net/mlp/*' > "$work/plan" || { cat "$work/plan"; exit 77; }
grep -q 'mlp/train/b128 ' "$work/plan" || fail "no plan of the MLP"

# A wrong result would be status 1. Figures above their peak may come on a loaded machine: then once more.
run() { "$bench" --quick --min-seconds 0.02 --min-runs 3 --json "$work/result.json" "$@" > "$work/out" 2>&1; }
for only in peak/submit 'operator/matmul/512*,operator/softmax*,net/mlp/train' 'first/squeezenet*warm'; do
    run --only "$only" || run --only "$only" || { cat "$work/out"; fail "$only"; }
    grep -q WRONG "$work/out" && { cat "$work/out"; fail "$only is wrong"; }
    "$bench" check "$work/result.json" || fail "$only: its file is not valid"
    case $only in operator/*) ;; *) continue ;; esac
    # Peaks were measured before and after each group: one row stays, which tells of the others. The load of the machine is sampled.
    [ "$(grep -c '"id":.*"peak/f32/independent"' "$work/result.json")" -eq 1 ] || fail "$only: no peak, or two of a name"
    grep -q '"times":' "$work/result.json" || fail "$only: peaks were measured once"
    if [ -r /proc/stat ]; then grep -q '"others":[[:space:]]*[0-9]' "$work/result.json" || fail "$only: no load"; fi
done

# A run that is killed leaves what it had measured.
"$bench" --quick --only peak/,operator/ --json "$work/killed.json" > /dev/null 2>&1 &
for _ in $(seq 300); do [ ! -e "$work/killed.json" ] || break; sleep 0.2; done
kill -KILL $!
wait $! 2>/dev/null || true
"$bench" check "$work/killed.json" || fail "the file of a killed run is not valid"
mkdir "$work/far"
run --only sustained --sustained 1.2 --html "$work/page.html" || run --only sustained --sustained 1.2 --html "$work/page.html" ||
    { cat "$work/out"; fail "sustained"; }
grep -q '</html>' "$work/page.html" || fail "no page"
run --only peak/submit --json "$work/link.json" --html "$work/page.html" || { cat "$work/out"; fail "a link"; }
{ [ -L "$work/link.json" ] && "$bench" check "$work/far/result.json"; } || fail "a link is no link any more"
"$bench" report "$work/both.html" "$work/result.json" "$work/result.json" || fail "report"

# The file tells when it was changed.
sed 's/"median_ns":[[:space:]]*[0-9]*/"median_ns": 1/' "$work/result.json" > "$work/changed.json"
if "$bench" check "$work/changed.json" > "$work/out"; then fail "a changed file is valid"; fi
echo "tuff-bench runs, and its files are valid"
