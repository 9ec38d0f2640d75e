#!/bin/sh
# onnx_conformance.sh - the ONNX project's own cases, out of the shared test data: none is wrong, and so many are covered.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=${TUFF_BUILD_DIR:-build/release}/bin/tuff-onnx
[ -x "$program" ] || { echo "skipped: built without ONNX"; exit 77; }
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # drivers' own, as in train_program
for folder in "${TUFF_SHARED:-}" ../shared; do
    cases=$folder/data/onnx-conformance
    if [ -n "$folder" ] && [ -d "$cases" ]; then
        output=$(mktemp)
        status=0
        least=1090 # and the cases of ImageDecoder, where their codecs are there
        read=$("${program%-onnx}-info" --version | sed -n 's/^reads pictures: //p')
        for kind in PNG JPEG JPEG JPEG WebP PNM TIFF 'JPEG 2000'; do
            case ", $read," in *", $kind,"*) least=$((least + 1)) ;; esac
        done
        "$program" --least $least "$cases" > "$output" 2>&1 || status=$?
        grep -E '^(WRONG|all|tuff-onnx)' "$output" || true
        [ $status -eq 0 ] || tail -n 40 "$output"
        rm -f "$output"
        exit $status
    fi
done
echo "skipped: no conformance cases (TUFF_SHARED, ../shared)"
exit 77
