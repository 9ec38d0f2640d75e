#!/bin/sh
# run_cjson.sh FOLDER COMPILER-PREFIX - cJSON, one C file, out of Debian's source package for another system, of which Debian has
# no packages: FOLDER/include/cjson/cJSON.h, FOLDER/lib/libcjson.a and the source, FOLDER/cJSON.c, made once. This system's apt is only read.
set -eu
folder=$1 prefix=$2
[ ! -e "$folder/cJSON.c" ] || exit 0
command -v apt-get > /dev/null 2>&1 || { echo "no apt-get to fetch cJSON's source with"; exit 1; }
rm -rf "$folder"
mkdir -p "$folder/lib" "$folder/include/cjson" "$folder/source/lists/partial"
cd "$folder/source"
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' "Created-By: Packages" | sort -u |
    awk '$3 == "main" { print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $1, $2, $3 }' > sources.list
[ -s sources.list ] || { echo "no Debian mirror in apt's sources"; exit 1; }
options="-q -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$PWD/lists
    -o APT::Sandbox::User=root"
# shellcheck disable=SC2086
{ apt-get $options update && apt-get $options source --download-only cjson; } > log 2>&1 || { tail -n 5 log; exit 1; }
tar -xf cjson_*.orig.tar.* --strip-components=1
"${prefix}gcc" -O2 -DCJSON_HIDE_SYMBOLS -c cJSON.c -o cJSON.o
"${prefix}ar" rcs ../lib/libcjson.a cJSON.o
cp cJSON.h ../include/cjson/
cp cJSON.c cJSON.h .. # samples/android compiles them itself
cd .. && rm -rf source
