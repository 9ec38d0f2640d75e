#!/bin/sh
# lint_exports.sh - the libraries show tuff_* alone, libtuff all that the public headers declare, and neither needs a
# Vulkan loader to start; libtuff_runtime needs no C++.
set -eu
cd "${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}"
command -v nm >/dev/null 2>&1 || { echo "SKIP: nm is not installed (binutils)"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' CMakeCache.txt; then echo "SKIP: sanitizers export symbols of their own"; exit 77; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
errors=0
fail() { echo "$*"; errors=$((errors + 1)); }

# Declared: every prototype marked TUFF_API after preprocessing (some come out of pointwise.def).
printf '#include <tuff/tuff.h>\n' > "$work/all.c"
if [ -e include/tuff/vulkan.h ]; then printf '#include <tuff/vulkan.h>\n' >> "$work/all.c"; fi
"${CC:-cc}" -std=c11 -E -P -Iinclude "$work/all.c" | tr '\n' ' ' | tr ';{}' '\n\n\n' | grep 'visibility("default")' |
    sed 's/__attribute__((visibility("default")))//; s/__attribute__((warn_unused_result))//' |
    sed -n 's/^[^(]*[^a-z0-9_]\(tuff_[a-z0-9_]*\)[ ]*(.*/\1/p' | sort -u > "$work/declared"
[ -s "$work/declared" ] || fail "no declaration found in include/tuff"

exported() { nm -D --defined-only "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u; }
for library in libtuff libtuff_runtime; do
    [ -e lib/$library.so ] || ! grep -q '^BUILD_SHARED_LIBS:BOOL=ON' CMakeCache.txt || fail "$library.so is not built"
    if [ -e lib/$library.so ]; then
        exported lib/$library.so > "$work/exported"
        grep -v '^tuff_' "$work/exported" > "$work/foreign" || true
        [ ! -s "$work/foreign" ] || fail "$library.so exports $(tr '\n' ' ' < "$work/foreign")"
        comm -23 "$work/exported" "$work/declared" > "$work/undeclared"
        [ ! -s "$work/undeclared" ] || fail "$library.so exports what no public header declares: $(tr '\n' ' ' < "$work/undeclared")"
        if [ $library = libtuff ]; then
            comm -13 "$work/exported" "$work/declared" > "$work/missing"
            [ ! -s "$work/missing" ] || fail "declared TUFF_API, but not in libtuff.so: $(tr '\n' ' ' < "$work/missing")"
        fi
        needed=$(readelf -d lib/$library.so | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p')
        case "$needed" in *libvulkan*) fail "$library.so needs libvulkan at start" ;; esac
        if [ $library = libtuff_runtime ]; then
            case "$needed" in *libstdc++* | *libpng* | *libjpeg* | *libcjson* | *libz.*) fail "$library.so needs" $needed ;; esac
        fi
    fi
    if [ -e lib/$library.a ] && [ -e lib/${library#lib}.o ]; then # the archive of one object with local vk* symbols
        nm -g --defined-only lib/$library.a | awk 'NF == 3 && $3 !~ /^tuff_/ { print $3 }' > "$work/foreign"
        [ ! -s "$work/foreign" ] || fail "$library.a exports $(tr '\n' ' ' < "$work/foreign")"
    fi
done
[ $errors -eq 0 ]
