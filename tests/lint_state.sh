#!/bin/sh
# lint_state.sh - no mutable variable at file scope, nor a static one in a function (style 8.4): the objects' data and bss
# are empty. Left out: volk.c (third party, its globals are never called) and glslang.c (a process-wide lock and counter).
set -eu
cd "${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}"
command -v objdump >/dev/null 2>&1 || { echo "SKIP: objdump is not installed (binutils)"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' CMakeCache.txt; then echo "SKIP: sanitizers add variables of their own"; exit 77; fi

if [ "${TUFF_CROSS:-}" = TRUE ]; then echo "SKIP: reads the objects of this system"; exit 77; fi
objects=$(find CMakeFiles -path '*_obj.dir/*' \( -name '*.o' -o -name '*.obj' \) ! -name 'volk.c.*' ! -name 'glslang.c.*' | sort)
[ -n "$objects" ] || { echo "no objects in $PWD"; exit 1; }
# shellcheck disable=SC2086
objdump -t $objects | awk '
/file format/ { object = $1; sub(/:$/, "", object); sub(/.*_obj\.dir\//, "", object); next }
/^[0-9a-f]+ / {
    entry = $0; sub(/^[0-9a-f]+ .......[ ]*/, "", entry)
    split(entry, field)
    if (field[1] ~ /^\.data\.rel\.ro/) next # constants that hold addresses
    if (field[3] ~ /compound_?literal/) next # without a name: reached through the pointers to const of a table alone
    if (field[1] ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && field[2] !~ /^0+$/ && field[3] !~ /^\./) {
        print object ": mutable variable " field[3] " in " field[1]; errors++
    }
}
END { if (errors) exit 1 }'
