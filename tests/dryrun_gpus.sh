#!/bin/sh
# dryrun_gpus.sh [--nets | --net NAME | --models] [GPU...] - tuff-dryrun, silent under the validation layer, on GPUs that are not here: real drivers
# over kernel drivers that the lab ($TUFF_SHARED, else ../shared) simulates; those marked arm64 there need
# bin/tuff-dryrun.arm64 beside bin/tuff-dryrun. Without names: one of AMD, NVIDIA, Qualcomm and Apple. The first run fetches the
# drivers, which may take minutes. --nets: the plans of tuff-bench's nets, without the layer, which takes three times as long; --net: one of them, with it;
# --models: the shared data's ONNX models (onnx_models), likewise.
set -u
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}" || exit 1
program=${TUFF_BUILD_DIR:-build/release}/bin/tuff-dryrun
lab=${TUFF_SHARED:-../shared}/lab/gpu.sh
[ -e "$lab" ] || { echo "skipped: no lab (TUFF_SHARED, ../shared)"; exit 77; }
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: made for another system"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' "${program%/bin/*}/CMakeCache.txt"; then
    echo "skipped: the drivers bring a C library that sanitizers do not know"
    exit 77
fi
nets= layer=validate,
if [ "${1:-}" = --nets ]; then nets=--nets layer=; shift; fi
if [ "${1:-}" = --net ]; then nets="--net $2"; shift 2; fi
if [ "${1:-}" = --models ]; then program=${program%/bin/*}/tests/onnx_models nets=--dry layer=; shift; fi
[ $# -gt 0 ] || set -- navi21 ada adreno740 apple-m1
unset TUFF_LIMITS TUFF_DEVICE
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0 runs=0 reason=
for gpu in "$@"; do
    case $gpu in
    renoir | vangogh | rembrandt | phoenix | gfx1150) # over no kernel driver at all: there is no memory, which the layer knows
        only=--compile-only debug=nocache
        if [ "$nets" = --dry ]; then # a model's weights lie in memory
            reason="$gpu: it has no memory here, which models take"
            echo "left out: $reason"
            continue
        fi ;;
    *) only= debug=${layer}nocache ;; # a pipeline out of the cache would not be compiled
    esac
    if ! "$lab" "$gpu" -- "${program%/*/*}/bin/tuff-dryrun" --version > "$log" 2>&1; then # fetches what the script needs
        reason="$gpu: $(tail -n 1 "$log")"
        echo "left out: $reason"
        continue
    fi
    status=0
    TUFF_DEBUG=$debug timeout 1200 "$lab" "$gpu" -- "$program" $nets $only > "$log" 2>&1 < /dev/null || status=$?
    last=$(grep -v '^ *$' "$log" | tail -n 1)
    case $status in
    0)
        runs=$((runs + 1))
        grep ' no room ' "$log" # what passed all the same
        echo "$gpu: $last${only:+, pipelines alone}"
        ;;
    77) reason="$gpu: ${last#skipped: }"; echo "left out: $reason" ;;
    *) failures=$((failures + 1)); tail -n 60 "$log"; echo "$gpu: status $status" ;;
    esac
done
[ $failures -eq 0 ] || exit 1
[ $runs -gt 0 ] || { echo "skipped: $reason"; exit 77; }
