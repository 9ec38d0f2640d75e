#!/bin/sh
# run_musl.sh FOLDER ARCH.. - musl's headers and libraries for Debian's architectures (amd64, arm64), unpacked into FOLDER, once. They stand in for
# Bionic's headers, which no package has (samples/android/build.sh). This system's apt is only read.
set -eu
folder=$1; shift
[ "$(cat "$folder/.unpacked" 2> /dev/null)" != "$*" ] || exit 0
command -v apt-get > /dev/null 2>&1 || { echo "no apt-get to fetch musl with"; exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
for arch; do
    mkdir -p "work-$arch/lists/partial" "work-$arch/cache/archives/partial"
    (
        cd "work-$arch"
        : > status
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' "Created-By: Packages" | sort -u |
            awk -v arch="$arch" '$3 == "main" { print "deb [arch=" arch " signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $1, $2, $3 }' > sources.list
        [ -s sources.list ] || { echo "no Debian mirror in apt's sources"; exit 1; }
        options="-q -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$PWD -o Dir::State::lists=$PWD/lists
            -o Dir::State::status=$PWD/status -o Dir::Cache=$PWD/cache -o APT::Architecture=$arch -o APT::Architectures::=$arch -o Acquire::Languages=none
            -o APT::Sandbox::User=root"
        # shellcheck disable=SC2086
        { apt-get $options update && apt-get $options download musl musl-dev; } > log 2>&1 || { tail -n 5 log; exit 1; }
        for package in *.deb; do dpkg-deb -x "$package" ..; done
    )
    rm -rf "work-$arch"
done
echo "$*" > .unpacked
