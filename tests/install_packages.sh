#!/bin/sh
# install_packages.sh - makes the Debian packages, looks at what they say and hold, unpacks them into a folder and uses that:
# docs/examples built against it and run, the programs. Where TUFF_TEST_INSTALL=1 and this is root, apt installs them into this
# system, the same is done there, and apt removes them.
set -eu
build=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
source=${TUFF_SOURCE_DIR:-$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)}
cc=${CC:-cc}
skip() { echo "SKIP: $*"; exit 77; }
for tool in cpack dpkg-deb dpkg-shlibdeps file gzip; do
    command -v $tool > /dev/null 2>&1 || skip "$tool is not installed (Debian: cmake dpkg-dev file)"
done
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"; then skip "not for sanitizer builds"; fi
if [ "$("$cc" -dumpmachine)" != "$(gcc -dumpmachine 2> /dev/null)" ]; then skip "not for another system's build"; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
errors=0
fail() { echo "$*"; errors=$((errors + 1)); }
note() { echo "-- $*"; }

note "cpack -G DEB"
(cd "$build" && cpack -G DEB -B "$work/packages" > "$work/log" 2>&1) || { tail -n 30 "$work/log"; exit 1; }
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:[A-Z]*=//p' "$build/CMakeCache.txt")
wanted=$version-1
shared=1
ls "$work"/packages/libtuff[0-9]*.deb > /dev/null 2>&1 || shared=0
root=$work/root
mkdir "$root"

# What they say: version, names after the SONAMEs, dependencies.
field() { dpkg-deb -f "$work/packages/$1"_*.deb "$2"; }
names="libtuff-dev tuff-tools"
if [ $shared -eq 1 ]; then
    soname=$(readelf -d "$build/lib/libtuff.so" | sed -n 's/.*SONAME.*\[libtuff\.so\.\(.*\)\]/\1/p')
    [ "$soname" = "${version%%.*}" ] || fail "SONAME of libtuff: $soname, version $version"
    names="libtuff$soname libtuff-data$soname libtuff-runtime$soname $names"
fi
for name in $names; do
    if ! [ -e "$work/packages/${name}_${wanted}_$(dpkg --print-architecture).deb" ]; then
        [ $name = tuff-tools ] && grep -q '^TUFF_BUILD_SAMPLES:BOOL=OFF' "$build/CMakeCache.txt" || fail "there is no $name $wanted"
        continue
    fi
    [ "$(field $name Version)" = "$wanted" ] || fail "$name: version $(field $name Version), expected $wanted"
    dpkg-deb -x "$work/packages/$name"_*.deb "$root"
    dpkg-deb -c "$work/packages/$name"_*.deb | awk '$1 !~ /^d/ { print $6 }' >> "$work/files"
    for file in copyright changelog.Debian.gz; do
        [ -s "$root/usr/share/doc/$name/$file" ] || fail "$name lacks $file"
    done
done
twice=$(sort "$work/files" | uniq -d | tr '\n' ' ')
[ -z "$twice" ] || fail "in two packages: $twice"
foreign=$(grep -vE '^\./usr/(bin/tuff-|include/tuff/|lib/|share/doc/(lib)?tuff)' "$work/files" | tr '\n' ' ' || true)
[ -z "$foreign" ] || fail "files in unexpected places: $foreign"
depends() { # depends PACKAGE REGEX...: each must be there
    package=$1; shift
    for pattern in "$@"; do
        field "$package" Depends | tr ',' '\n' | sed 's/^ *//' | grep -qE "^$pattern" ||
            fail "$package depends on \"$(field "$package" Depends)\", expected $pattern"
    done
}
depends libtuff-dev libvulkan-dev
if [ $shared -eq 1 ]; then
    depends libtuff$soname libc6
    depends libtuff-data$soname libc6 "libtuff$soname \(= $wanted\)"
    depends libtuff-dev "libtuff$soname \(= $wanted\)" "libtuff-data$soname \(= $wanted\)" "libtuff-runtime$soname \(= $wanted\)"
    [ ! -e "$root/usr/bin/tuff-info" ] || depends tuff-tools "libtuff$soname \(= $wanted\)" "libtuff-data$soname \(= $wanted\)"
    [ "$(field libtuff-runtime$soname Depends | sed 's/ *([^)]*)//g')" = libc6 ] ||
        fail "libtuff-runtime$soname depends on more than libc6: $(field libtuff-runtime$soname Depends)"
    codecs=$(field libtuff$soname Depends | tr ',' '\n' | grep -E 'png|jpeg|webp|gif|stb|tiff|openjp2|zlib1g' | tr '\n' ' ' || true)
    [ -z "$codecs" ] || fail "libtuff$soname depends on codecs: $codecs"
    for name in libtuff libtuff-data libtuff-runtime; do
        dpkg-deb --ctrl-tarfile "$work/packages/$name$soname"_*.deb | tar -xO ./shlibs |
            grep -q "^$(echo $name | tr - _) $soname $name$soname " || fail "$name$soname: shlibs lacks its line"
    done
fi
if command -v lintian > /dev/null 2>&1; then
    lintian --fail-on error "$work"/packages/*.deb > "$work/log" 2> /dev/null || { grep '^E:' "$work/log"; fail "lintian found errors"; }
fi
[ $errors -eq 0 ] || exit 1

# used FOLDER: builds the examples against what lies below FOLDER (empty: the system) and runs them and the programs.
used() {
    libdir=$(dirname -- "$(dirname -- "$(find "$1/usr/lib" -name tuff.pc | head -n 1)")")
    PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=${1:+$libdir}
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    [ -n "$1" ] || unset LD_LIBRARY_PATH PKG_CONFIG_PATH
    [ "$(pkg-config --modversion tuff)" = "$version" ] || fail "tuff.pc: version $(pkg-config --modversion tuff)"
    printf '#include <stdio.h>\n#include <tuff/tuff.h>\nint main(void) { return puts(tuff_version()) < 0; }\n' > "$work/version.c"
    for c in "$work/version.c" "$source"/docs/examples/*.c; do
        program=$work/$(basename -- "$c" .c)
        # without shared libraries -ltuff is the archive, and needs its closure
        "$cc" -o "$program" "$c" $(pkg-config --cflags --libs $([ $shared -eq 1 ] || echo --static) tuff) \
            $(grep -q '^#include <vulkan/' "$c" && echo -lvulkan) $(grep -q '^#include <math.h>' "$c" && echo -lm)
        if [ $shared -eq 1 ]; then
            ldd "$program" | grep -q "libtuff.so.$soname => $1/" || fail "$program does not use the installed library"
        fi
    done
    [ "$("$work/version")" = "$version" ] || fail "tuff_version(): $("$work/version"), packages $version"
    for c in "$source"/docs/examples/*.c; do
        note "$(basename -- "$c")"
        sh "$source/tests/run_example.sh" "$work/$(basename -- "$c" .c)" || { status=$?; [ $status -eq 77 ] || fail "$c: $status"; }
    done
    for program in "$1"/usr/bin/tuff-*; do
        [ -x "$program" ] || continue
        "$program" --help > "$work/help" || fail "$program --help: $?"
        [ -s "$work/help" ] || fail "$program --help says nothing"
    done
    if [ -x "$1/usr/bin/tuff-info" ]; then "$1/usr/bin/tuff-info" | head -n 3; fi
}
if command -v pkg-config > /dev/null 2>&1; then
    note "unpacked"
    used "$root"
else
    note "pkg-config is not installed: the examples are left out"
fi

if [ "${TUFF_TEST_INSTALL:-}" = 1 ] && [ "$(id -u)" -eq 0 ]; then
    note "apt-get install"
    installed=$(dpkg-query -W -f='${db:Status-Status}' $names 2> /dev/null | grep -c '^installed' || true)
    [ "$installed" -eq 0 ] || skip "packages of Tuff are installed here"
    DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends install "$work"/packages/*.deb > "$work/log" 2>&1 ||
        { tail -n 20 "$work/log"; exit 1; }
    trap 'apt-get -y -q purge $names > /dev/null 2>&1 || true; rm -rf "$work"' EXIT
    used ""
    apt-get -y -q purge $names > "$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
    trap 'rm -rf "$work"' EXIT
    left=$(sed 's/^\.//' "$work/files" | while read -r file; do [ ! -e "$file" ] || printf '%s ' "$file"; done)
    [ -z "$left" ] || fail "left behind: $left"
fi
[ $errors -eq 0 ]
