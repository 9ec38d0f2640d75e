#!/bin/sh
# programs_output.sh - output that does not arrive (a full disk, a closed stream) makes every program's exit status 1, with a sentence.
set -u
cd "${TUFF_BUILD_DIR:-build/release}/bin" || exit 1
[ -e /dev/full ] || { echo "skipped: there is no /dev/full"; exit 77; }
bad=0 tried=0
for program in tuff-train tuff-classify tuff-detect tuff-bench tuff-info tuff-inspect tuff-pack tuff-quantize tuff-tune tuff-dryrun tuff-refs; do
    [ -e $program ] || continue
    for option in --help --version; do
        for place in /dev/full '&-'; do
            eval "${TUFF_EMULATOR:-} ./$program $option 2>&1 >$place" > "${TMPDIR:-/tmp}/output.$$"
            status=$?
            tried=$((tried + 1))
            grep -q 'output could be written' "${TMPDIR:-/tmp}/output.$$" && [ $status -eq 1 ] && continue
            [ $status -eq 2 ] && [ $option = --version ] && continue # has none
            echo "$program $option >$place: status $status, expected 1 and a sentence:"
            cat "${TMPDIR:-/tmp}/output.$$"
            bad=1
        done
    done
done
# A slip in the name of a variable is told; others' variables are not.
TUFF_DEBGU=check TUFF_LOGO=1 TUFF_SHARED=x ${TUFF_EMULATOR:-} ./tuff-info --version > "${TMPDIR:-/tmp}/output.$$" 2>&1
grep -q 'TUFF_DEBGU; is TUFF_DEBUG meant' "${TMPDIR:-/tmp}/output.$$" && [ "$(grep -c meant "${TMPDIR:-/tmp}/output.$$")" -eq 2 ] ||
    { echo "expected two sentences about variables:"; cat "${TMPDIR:-/tmp}/output.$$"; bad=1; }
rm -f "${TMPDIR:-/tmp}/output.$$"
echo "$tried outputs that cannot be written"
exit $bad
