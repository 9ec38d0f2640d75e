#!/bin/sh
# fuzz_rounds.sh - builds the fuzz targets (tests/fuzz) with clang; each takes the files that once were findings
# (tests/data/fuzz/TARGET), then a fixed number of rounds from the seeds: the same inputs every time.
#
#   tests/fuzz_rounds.sh [TARGET...]    TUFF_FUZZ_RUNS=N: rounds of each (20000)
#
# For long runs: cmake --preset fuzz && cmake --build --preset fuzz && build/fuzz/bin/fuzz-seeds SEEDS
#                build/fuzz/bin/fuzz-TARGET -runs=10000000 -timeout=5 -malloc_limit_mb=256 CORPUS SEEDS/TARGET
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
build=${TUFF_BUILD_DIR:-build/release}/fuzz
mkdir -p "$build"
build=$(CDPATH= cd -- "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v clang > /dev/null 2>&1 || { echo "skipped: clang is not installed"; exit 77; }
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *d,
    unsigned long n) { return d && n > (1ul << 40); }' > "$work/probe.c"
clang -fsanitize=fuzzer,address,undefined -o "$work/probe" "$work/probe.c" > "$work/log" 2>&1 ||
    { echo "skipped: clang has no libFuzzer (Debian: libclang-rt-dev)"; exit 77; }
{ [ -e "$build/build.ninja" ] || "${CMAKE:-cmake}" --preset fuzz -B "$build" "-DTUFF_SHADERS_OF=${build%/*}"; } > "$work/log" 2>&1 &&
    "${CMAKE:-cmake}" --build "$build" --target tuff_fuzzers > "$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
"$build/bin/fuzz-seeds" "$work/seeds"

targets=$*
[ -n "$targets" ] || targets=$(cd tests/fuzz && for file in *.c; do case $file in fuzz.c | seeds.c) ;; *) echo "${file%.c}" ;; esac; done)
failures=0
for target in $targets; do
    begun=$(date +%s)
    mkdir -p "$work/corpus/$target" "$work/seeds/$target"
    status=0
    # A small file that asks for much memory or time is a finding as well.
    set -- "$build/bin/fuzz-$target" -timeout=5 -malloc_limit_mb=256 -rss_limit_mb=2048 -artifact_prefix="$build/$target-"
    for file in tests/data/fuzz/"$target"/*; do
        [ ! -e "$file" ] || "$@" "$file" > "$work/log" 2>&1 || { status=1; echo "$file:"; tail -n 30 "$work/log"; }
    done
    "$@" -runs="${TUFF_FUZZ_RUNS:-20000}" -seed=1 -max_len=4096 -print_final_stats=1 "$work/corpus/$target" "$work/seeds/$target" \
        > "$work/log" 2>&1 || { status=1; grep -A30 -E 'ERROR|runtime error|does not hold' "$work/log" | head -n 50; }
    [ $status -eq 0 ] || { failures=$((failures + 1)); echo "FAILED: fuzz-$target (its input: $build/$target-*)"; }
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") rounds in $(($(date +%s) - begun)) s," \
        "$(grep -o 'cov: [0-9]*' "$work/log" | tail -n 1 | cut -d' ' -f2) places reached"
done
[ $failures -eq 0 ]
