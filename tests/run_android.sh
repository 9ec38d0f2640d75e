#!/bin/sh
# run_android.sh WHAT - the Android sample without Android: what rows of the matrix run. WHAT:
#   jvm      library and app with this machine's libtuff in a JVM, on API 29 and 35 (Robolectric): all tests; screenshots in build/android/maven/screens
#   phone    the phones' own libraries (both ABIs): made without the NDK, their symbols against the list of API 28; the x86_64 one runs the app's
#            tests in the JVM, the ARM64 one a model under qemu, on the processor
#   apk      the app for both ABIs: aligned to 16 KiB, signed by a debug key made on the spot, verified
# Needs a build in build/release. Exit status 77, with the reason: something is not there.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
what=${1:-}
case $what in jvm | phone | apk) ;; *) echo "run_android.sh: jvm, phone or apk" >&2; exit 2 ;; esac
android=$root/samples/android work=$root/build/android
export TUFF_BUILD_DIR="${TUFF_BUILD_DIR:-$root/build/release}" CJSON="$work/cjson" MUSL="$work/musl"
shared=${TUFF_SHARED:-$root/../shared}
skip() { echo "skipped: $*"; exit 77; }
for tool in javac mvn aapt2 python3; do
    command -v $tool > /dev/null 2>&1 || skip "$tool is not installed (apt-get install openjdk-17-jdk-headless maven aapt python3)"
done
[ -e "$TUFF_BUILD_DIR/lib/libtuff_android.so" ] || skip "the build has no libtuff_android.so: it was configured without a JDK"
mkdir -p "$work"

# The model that the app brings along: efficientnet-lite0 with the kernels of phones, or the quickstart's.
model() {
    assets=$work/assets
    [ ! -e "$assets/model.tuff" ] || [ "$TUFF_BUILD_DIR/bin/tuff-pack" -nt "$assets/model.tuff" ] || return 0
    rm -rf "$assets"
    mkdir -p "$assets"
    python=$(sh tests/run_onnx.sh || echo python3) # one that has numpy
    if [ -z "${MODEL:-}" ] && [ -e "$shared/data/tools/fetch_models.py" ]; then
        [ -e "$work/models/efficientnet-lite0/model.safetensors" ] ||
            "$python" "$shared/data/tools/fetch_models.py" --out "$work/models" efficientnet-lite0 > "$work/fetch.log" 2>&1 ||
            echo "the weights of efficientnet-lite0 could not be fetched: $(tail -n 1 "$work/fetch.log")"
        MODEL=$work/models/efficientnet-lite0
        export MODEL
    fi
    sh samples/android/model.sh "$assets/model.tuff" > "$work/model.log" 2>&1 || { tail -n 5 "$work/model.log"; exit 1; }
    tail -n 1 "$work/model.log"
}

test_models() { # of the library's tests
    mkdir -p "$work/test-models"
    "$TUFF_BUILD_DIR/tests/android-models" "$work/test-models"
}

maven() { # maven LIBRARIES GOALS..
    libraries=$1; shift
    mvn -q -B -f "$android/pom.xml" "-Dtuff.libraries=$libraries" "-Dtuff.assets=$work/assets" "-Dtuff.target=$work/maven" "-Dtuff.models=$work/test-models" \
        "$@" > "$work/mvn.log" 2>&1 || {
        if grep -qE 'Could not (transfer|resolve|find) artifact|PluginResolutionException|DependencyResolutionException' "$work/mvn.log"; then
            grep -m 1 -E 'Could not|ResolutionException' "$work/mvn.log"
            skip "Maven could not fetch what the tests need"
        fi
        grep -E '^(\[ERROR\]|Tests run)' "$work/mvn.log" | head -n 40
        exit 1
    }
}

libraries() { # of both ABIs
    for tool in clang ld.lld qemu-aarch64-static; do
        command -v $tool > /dev/null 2>&1 || skip "$tool is not installed (apt-get install clang lld llvm qemu-user-static)"
    done
    sh tests/run_cjson.sh "$CJSON" "" > "$work/fetch.log" 2>&1 || skip "$(tail -n 1 "$work/fetch.log")"
    sh tests/run_musl.sh "$MUSL" amd64 arm64 > "$work/fetch.log" 2>&1 || skip "$(tail -n 1 "$work/fetch.log")"
    for abi in x86_64 arm64-v8a; do sh "$android/build.sh" native $abi "$work/libs"; done
}

case $what in
jvm)
    model
    test_models
    sh "$android/build.sh" host "$work/host"
    LD_LIBRARY_PATH=$TUFF_BUILD_DIR/lib maven "$work/host" test
    # what was taught there is a model file as any other
    if [ -e "$TUFF_BUILD_DIR/bin/tuff-classify" ]; then
        "$TUFF_BUILD_DIR/bin/tuff-classify" --model "$work/test-models/taught.tuff" "$work/test-models/blau.png" > "$work/classified"
        sed -n 2p "$work/classified" | grep -q ' blau$' || { cat "$work/classified"; echo "tuff-classify does not say blau"; exit 1; }
    fi
    grep -hE '^Tests run|tests=' "$work/maven"/surefire-reports/*.txt 2> /dev/null | tail -n 20 || true
    ;;
phone)
    model
    test_models
    libraries
    sh "$android/build.sh" jvm "$work/libs" "$work/phone"
    LD_LIBRARY_PATH=$work/phone maven "$work/phone" -Dtuff.phone=true test
    sh "$android/build.sh" arm64 "$work/libs" "$work/assets/model.tuff"
    # this machine's device says the same of the same picture
    "$TUFF_BUILD_DIR/bin/tuff-classify" --model "$work/assets/model.tuff" "$work/libs/arm64-v8a.work/trousers.ppm" > "$work/classified"
    best=$(head -n 1 "$work/libs/arm64-v8a.work/answers" | sed 's/ [0-9.]*$//')
    [ -n "$best" ] || { echo "the ARM64 library gave no answer"; exit 1; }
    sed -n 2p "$work/classified" | grep -q " $best\$" || { cat "$work/classified"; echo "tuff-classify does not say $best first"; exit 1; }
    ;;
apk)
    for tool in apksigner zipalign keytool; do
        command -v $tool > /dev/null 2>&1 || skip "$tool is not installed (apt-get install apksigner zipalign openjdk-17-jdk-headless)"
    done
    model
    libraries
    R8=$work/r8.jar
    [ -e "$R8" ] || mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact=com.android.tools:r8:8.5.35 \
        "-DoutputDirectory=$work" -Dmdep.stripVersion=true > "$work/mvn.log" 2>&1 || skip "Maven could not fetch r8"
    export R8
    sh "$android/build.sh" host "$work/host"
    maven "$work/host" -DskipTests package
    TARGET=$work/maven sh "$android/build.sh" apk "$work/libs" "$work/tuff-sample.apk"
    ;;
esac
