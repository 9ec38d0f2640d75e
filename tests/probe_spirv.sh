#!/bin/sh
# probe_spirv.sh - the SPIR-V that tuff-bench writes itself (samples/bench/probe_matrix.c) is valid for every shape that drivers offer; and
# spirv-val, which must be newer than Debian 12's to know cooperative matrices, tells a wrong module.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=${TUFF_BUILD_DIR:-build/release}/tests/bench_probe
[ -x "$program" ] || { echo "skipped: no $program"; exit 77; }
tools=${TUFF_SHARED:-../shared}/lab/glslang-new.sh
[ -e "$tools" ] && "$tools" > /dev/null 2>&1 || { echo "skipped: no newer spirv-val (lab/glslang-new.sh)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
validate() { "$tools" -- spirv-val --target-env vulkan1.1 "$1" > "$work/log" 2>&1; }
for shape in "8 8 8" "8 8 16" "8 16 16" "16 8 8" "16 8 16" "16 16 16" "64 64 32"; do
    # shellcheck disable=SC2086
    ${TUFF_EMULATOR:-} "$program" --spirv "$work/module.spv" $shape 32 2
    validate "$work/module.spv" || { echo "$shape:"; cat "$work/log"; failures=$((failures + 1)); }
done
# A canary: a module of another version than the words in it, 1.0 (no storage class of storage buffers).
printf '\000\000\001\000' | dd of="$work/module.spv" bs=4 seek=1 conv=notrunc 2> /dev/null
if validate "$work/module.spv"; then echo "a spoiled module: expected to be refused"; failures=$((failures + 1)); fi
echo "probe_spirv: $failures failures"
[ $failures -eq 0 ]
