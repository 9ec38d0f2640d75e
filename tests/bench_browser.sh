#!/bin/sh
# bench_browser.sh - the report of tuff-bench in a real browser (Chromium, headless): its tables and plots are drawn, no script
# fails, nothing is wider than a phone, and markup in a result file stays text.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
build=${TUFF_BUILD_DIR:-build/release}
program=$build/tests/bench_report
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "skipped: there is no chromium"; exit 77; }
[ -x "$program" ] || { echo "skipped: $program is not built"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
fail() { echo "$*"; failures=$((failures + 1)); }

# page NAME FILES..: makes it; a script at its end says whether it is wider than the window, and points at the first mark
page() {
    name=$1; shift
    "$program" "$folder/$name.html" "$@" || { [ $? -ne 77 ] || exit 77; fail "$name: no report"; return 0; }
    sed 's|</body>|<script>if (document.documentElement.scrollWidth > innerWidth) document.documentElement.dataset.wide = 1; document.querySelector(".mark").dispatchEvent(new Event("pointerenter"));</script></body>|' \
        "$folder/$name.html" > "$folder/$name-probed.html"
}
# look NAME WIDTH: the page as the browser has it in the end, in NAME.dom
look() {
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$folder/profile" --window-size="$2,900" \
        --dump-dom "file://$folder/$1-probed.html" > "$folder/$1.dom" 2> "$folder/log" || { tail -n 3 "$folder/log"; fail "$1: the browser failed"; }
}
has() { grep -qF -- "$2" "$folder/$1.dom" || fail "$1: expected $2 in the page"; }
hasnt() { ! grep -qF -- "$2" "$folder/$1.dom" || fail "$1: there is $2 in the page"; }
# Attributes of the root element are what scripts leave: data-error, data-wide, data-broken.
root() { grep -o -m 1 '<html[^>]*>' "$folder/$1.dom"; }
unharmed() { case $(root "$1") in *data-error* | *data-wide* | *data-broken*) fail "$1: $(root "$1")" ;; esac; }
# At least that many elements of a kind
least() {
    found=$(grep -o -- "$2" "$folder/$1.dom" | wc -l)
    [ "$found" -ge "$3" ] || fail "$1: expected at least $3 of $2, there are $found"
}

page pair tests/data/bench/discrete.json tests/data/bench/software.json
for width in 1200 500; do # the window of a headless Chromium is 500 wide at least
    look pair $width
    unharmed pair
    least pair '<svg' 60
    least pair 'class="mark"' 50
    least pair 'class="curve"' 4 # two devices; clock and temperature of one
    least pair '<circle cx' 20
    least pair '<rect class="shape"' 10
    least pair '<tr class="value"' 60
    least pair '>WRONG<' 3 # table, plot, badge or glance
    least pair '>refused<' 2
    least pair '>failed<' 2
    for id in glance roofline operators nets start sustained plan all words; do has pair "<h2 id=\"$id\">"; done
    has pair 'quick: not for a review'
    has pair 'noisy'
    has pair '<div>check: ' # the tip of the mark pointed at
done
# A mark leads to a line of the table that is there.
grep -o 'href="#r[0-9]*[A-Z]"' "$folder/pair.dom" | sed 's/href="#/id="/' | sort -u > "$folder/targets"
while read -r target; do has pair "$target"; done < "$folder/targets"
least pair 'href="#r' 80

# Markup in every text of a file that is free.
attack='</script><script>document.documentElement.dataset.broken=1</script><img src=x onerror=document.documentElement.dataset.broken=1>'
sed -e "s|Example X1|$attack|g" -e "s|Example Driver 25.2.1|$attack|" -e "s|Linux 6.1 x86_64|$attack|" -e "s|\"limits\":\"\"|\"limits\":\"$attack\"|" \
    -e "s|\"only\":\"\"|\"only\":\"$attack\"|" -e "s|\"title\":\"|&$attack|g" -e "s|1204 GB/s is|$attack|" -e "s|\"tuff_version\":\"|&$attack|" \
    tests/data/bench/discrete.json > "$folder/hostile.json"
page hostile "$folder/hostile.json" tests/data/bench/software.json
look hostile 1200
unharmed hostile
hasnt hostile '<img'
least hostile '&lt;img src=x' 40
least hostile '<script' 3 # results, program, probe

# One device alone.
page one tests/data/bench/software.json
look one 1200
unharmed one
least one 'class="mark"' 25

# What this test would see if texts were not escaped, and if a script failed.
sed -e "s/.u003c/</g" -e "s/.u003e/>/g" "$folder/hostile-probed.html" > "$folder/raw-probed.html"
look raw 1200
case $(root raw) in *data-broken*) ;; *) fail "raw: markup that is let in is not seen" ;; esac
sed 's/^page();$/pages();/' "$folder/pair-probed.html" > "$folder/canary-probed.html"
look canary 1200
case $(root canary) in *data-error*) ;; *) fail "canary: a script that fails is not seen" ;; esac

[ $failures -eq 0 ] || exit 1
