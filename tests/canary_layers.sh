#!/bin/sh
# canary_layers.sh - every way in which the tests start a validation layer finds a dropped barrier (or, where shaders are
# instrumented, a race of shared memory and a read outside of a buffer), and says nothing of the program without it.
# Ways through the lab ($TUFF_SHARED, else ../shared) are left out where it, or what it fetches, is missing.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=${TUFF_BUILD_DIR:-build/release}/tests/backend_program
[ -x "$program" ] || { echo "skipped: no $program"; exit 77; }
unset TUFF_DEBUG TUFF_LIMITS
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0 ways=0

# run KIND COMMAND...: the status of the canary program, 0 where nothing was found
run() {
    kind=$1; shift
    status=0
    timeout 300 "$@" "$program" --canary "$kind" > "$log" 2>&1 < /dev/null || status=$?
}

# way TITLE KINDS COMMAND...: the command must tell each of the kinds from none
way() {
    title=$1 kinds=$2; shift 2
    run none "$@"
    if [ $status -eq 77 ]; then echo "left out: $title: $(grep -v '^ *$' "$log" | tail -n 1)"; return 0; fi
    [ $status -eq 0 ] || { echo "$title: a good program fails ($status):"; tail -n 20 "$log"; failures=$((failures + 1)); return 0; }
    for one in $kinds; do
        run "$one" "$@"
        # 3 is what the program and validate.sh end with for a message: another status is another failure
        [ $status -eq 3 ] || { echo "$title: $one was not found ($status):"; tail -n 20 "$log"; failures=$((failures + 1)); }
    done
    ways=$((ways + 1))
    echo "found: $title: $kinds"
}

way "TUFF_DEBUG=validate" barrier env TUFF_DEBUG=validate
shared=${TUFF_SHARED:-../shared}
lab() { # lab TITLE KINDS ENVIRONMENT SCRIPT ARGUMENTS...
    title=$1 kinds=$2 setting=$3 script=$shared/lab/$4; shift 4
    if ! "$script" "$@" -- /bin/true > "$log" 2>&1; then echo "left out: $title: $(tail -n 1 "$log")"; return 0; fi
    way "$title" "$kinds" env "$setting" "$script" "$@" --
}
if [ -e "$shared/lab/validate.sh" ]; then
    lab "newest layer from outside" barrier TUFF_DEBUG= validate.sh
    lab "newest layer from outside and TUFF_DEBUG=validate" barrier TUFF_DEBUG=validate validate.sh
    lab "this system's layer from outside" barrier TUFF_DEBUG= validate.sh --system
    lab "instrumented shaders" "race outside" TUFF_DEBUG= validate.sh --gpu
    lab "TUFF_DEBUG=validate on lavapipe 25.0.7" barrier TUFF_DEBUG=validate mesa-new.sh
    lab "TUFF_DEBUG=validate with the layer of Debian sid" barrier TUFF_DEBUG=validate mesa-new.sh sid
    lab "TUFF_DEBUG=validate on a simulated GPU" barrier TUFF_DEBUG=validate gpu.sh navi21
fi
[ $failures -eq 0 ] || exit 1
[ $ways -gt 0 ] || { echo "skipped: no validation layer"; exit 77; }
