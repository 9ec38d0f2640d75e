#!/bin/sh
# lint_exports.sh - the libraries show tuff_* alone, libtuff and libtuff_data all that the public headers declare, each its own, and none
# needs a Vulkan loader to start; libtuff_data alone needs codecs; libtuff_runtime needs nothing but the C library: no compiler, no C++.
# Sizes are told and bounded.
set -eu
cd "${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}"
cc=${CC:-cc}
prefix=
case $cc in *-gcc) prefix=${cc%gcc} ;; esac # binutils of the same system
command -v "${prefix}nm" >/dev/null 2>&1 || { echo "SKIP: nm is not installed (binutils)"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' CMakeCache.txt; then echo "SKIP: sanitizers export symbols of their own"; exit 77; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
errors=0
fail() { echo "$*"; errors=$((errors + 1)); }

# Declared: every prototype marked TUFF_API after preprocessing (some come out of pointwise.def).
printf '#include <tuff/tuff.h>\n' > "$work/all.c"
if [ -e include/tuff/vulkan.h ]; then printf '#include <tuff/vulkan.h>\n' >> "$work/all.c"; fi
"$cc" -std=c11 -E -P -DTUFF_BUILDING -Iinclude -idirafter generated/host-include "$work/all.c" | tr '\n' ' ' | tr ';{}' '\n\n\n' |
    sed -n 's/__attribute__((dllexport))/__attribute__((visibility("default")))/; /visibility("default")/p' |
    sed 's/__attribute__((visibility("default")))//; s/__attribute__((warn_unused_result))//' |
    sed -n 's/^[^(]*[^a-z0-9_]\(tuff_[a-z0-9_]*\)[ ]*(.*/\1/p' | sort -u > "$work/all"
tr '\n' ' ' < include/tuff/data.h | sed 's/TUFF_API/\n&/g' | sed -n 's/^TUFF_API[^(]*[^a-z0-9_]\(tuff_[a-z0-9_]*\)(.*/\1/p' |
    sort -u > "$work/libtuff_data"
comm -23 "$work/all" "$work/libtuff_data" > "$work/libtuff"
cp "$work/libtuff" "$work/libtuff_runtime"
[ -s "$work/libtuff" ] && [ -s "$work/libtuff_data" ] || fail "no declaration found in include/tuff"

case $prefix in
*-mingw32-) folder=bin suffix=dll ;;
*) folder=lib suffix=so ;;
esac
exported() {
    if [ $suffix = dll ]; then
        "${prefix}objdump" -p "$1" | sed -n '/Ordinal.Name Pointer/,/^$/s/^[[:blank:]]*\[[ 0-9]*\] //p'
    else
        "${prefix}nm" -D --defined-only "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }'
    fi | sort -u
}
needed_by() {
    if [ $suffix = dll ]; then
        "${prefix}objdump" -p "$1" | sed -n 's/.*DLL Name: //p'
    else
        "${prefix}readelf" -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p'
    fi
}
for library in libtuff libtuff_data libtuff_runtime; do
    shared=$library.$suffix
    [ -e $folder/$shared ] || ! grep -q '^BUILD_SHARED_LIBS:BOOL=ON' CMakeCache.txt || fail "$shared is not built"
    if [ -e $folder/$shared ]; then
        exported $folder/$shared > "$work/exported"
        grep -v '^tuff_' "$work/exported" > "$work/foreign" || true
        [ ! -s "$work/foreign" ] || fail "$shared exports $(tr '\n' ' ' < "$work/foreign")"
        comm -23 "$work/exported" "$work/$library" > "$work/undeclared"
        [ ! -s "$work/undeclared" ] || fail "$shared exports what no public header of it declares: $(tr '\n' ' ' < "$work/undeclared")"
        if [ $library != libtuff_runtime ]; then
            comm -13 "$work/exported" "$work/$library" > "$work/missing"
            [ ! -s "$work/missing" ] || fail "declared TUFF_API, but not in $shared: $(tr '\n' ' ' < "$work/missing")"
        fi
        needed=$(needed_by $folder/$shared)
        case "$needed" in *vulkan*) fail "$shared needs the Vulkan loader at start" ;; esac
        case $library,$needed in libtuff,*png* | libtuff,*jpeg* | libtuff,*webp* | libtuff,*gif* | libtuff,*stb* | libtuff,*tiff* | libtuff,*openjp2*) fail "$shared needs codecs" ;; esac
        if [ $library = libtuff_runtime ]; then
            foreign=$(echo "$needed" | grep -vE '^(libc|libm|libdl|libpthread|ld-[a-z0-9-]+)\.so|^(KERNEL32|msvcrt|ucrtbase|api-ms-[a-z0-9-]*)\.dll' | tr '\n' ' ' || true)
            [ -z "$foreign" ] || fail "$shared needs $foreign"
        fi
    fi
    if [ $library = libtuff_runtime ]; then
        "${prefix}nm" -u lib/$library.a | awk '$1 == "U" && $2 ~ /^(_Z|__cxa_|__gxx_|glslang|vk[A-Z])/ { print $2 }' > "$work/foreign"
        [ ! -s "$work/foreign" ] || fail "$library.a needs $(tr '\n' ' ' < "$work/foreign")"
    fi
    if [ -e lib/$library.a ] && [ -e lib/${library#lib}.o ]; then # the archive of one object with local vk* symbols
        "${prefix}nm" -g --defined-only lib/$library.a | awk 'NF == 3 && $3 !~ /^tuff_/ { print $3 }' > "$work/foreign"
        [ ! -s "$work/foreign" ] || fail "$library.a exports $(tr '\n' ' ' < "$work/foreign")"
    fi
done

# bounded NAME BYTES FILE: what an app ships, stripped. Bounds are a tenth to a third more than what gcc 12 makes for amd64 today
# (libtuff 10.5 MB, of which glslang and SPIRV-Tools are 7.3 MB; libtuff_data 0.16 MB, for Windows with zlib in it 0.23 MB; the runtime
# 1.4 MB, most of it SPIR-V): what grows beyond is something that slipped in, as the compiler into the runtime, or a family of kernels
# for whose sake the bound is to be raised.
bounded() {
    [ -e "$3" ] || return 0
    "${STRIP:-${prefix}strip}" -o "$work/stripped" "$3"
    bytes=$(wc -c < "$work/stripped")
    echo "$1: $bytes bytes stripped"
    [ "$bytes" -le "$2" ] || fail "$1: $bytes bytes, more than $2"
}
case $(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' CMakeCache.txt) in
Release | MinSizeRel)
    whole=13000000
    if grep -q '^TUFF_GLSLANG:BOOL=OFF' CMakeCache.txt; then whole=4000000; fi
    bounded libtuff.$suffix $whole $folder/libtuff.$suffix
    bounded libtuff_data.$suffix 270000 $folder/libtuff_data.$suffix
    bounded libtuff_runtime.$suffix 1720000 $folder/libtuff_runtime.$suffix
    ;;
*) echo "sizes: not for this build type" ;;
esac
[ $errors -eq 0 ]
