#!/bin/sh
# lint_headers.sh - each installed header alone is C11 and C++17 without warnings, by the build's compilers and by gcc and clang
# where they are; each private header alone is C11.
set -u
build=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}" || exit 1
cc=${CC:-cc}
warnings="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
errors=0

# check WHAT COMMAND...: compiles a file that includes WHAT twice and nothing else.
check() {
    printf '#include %s\n#include %s\ntypedef int tuff_not_empty;\n' "$1" "$1" > "$work/alone.$2"
    what=$1; shift 2
    if ! "$@" -idirafter "$build/generated/host-include" "$work"/alone."$suffix" 2> "$work/messages"; then
        echo "$what alone does not compile: $*"; head -n 20 "$work/messages"; errors=$((errors + 1))
    fi
}
suffix=c
for compiler in "$cc" gcc clang "${CXX:-c++}" g++ clang++; do
    command -v "$compiler" >/dev/null 2>&1 || continue
    standard=c11
    case $compiler in *++*) suffix=cc standard=c++17 ;; esac
    for header in "$build"/include/tuff/*.h; do
        check "<tuff/$(basename -- "$header")>" $suffix "$compiler" -std=$standard $warnings -I"$build/include"
    done
done
suffix=c
for header in backend/*.h graph/*.h graph/*/*.h loaders/*.h samples/data/*.h; do
    [ -e "$header" ] || continue
    check "\"$header\"" $suffix "$cc" -std=c11 $warnings -Wno-unused-function -I. -I"$build/generated"
done
[ $errors -eq 0 ]
