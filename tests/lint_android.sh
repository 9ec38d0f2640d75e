#!/bin/sh
# lint_android.sh - samples/android is built twice, by Android Studio (build.gradle, not run here) and by Maven and build.sh (pom.xml): both name the same
# levels, package, version, language, dependencies, ABIs and page size, and what the files of Gradle name is there.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}/samples/android"
bad=0
pom() { sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" pom.xml | head -n 1; }
gradle() { sed -n "s/^ *$2[ (]*['\"]*\([^'\")]*\)['\")]*\$/\1/p" "$1/build.gradle" | head -n 1; }
same() { # same WHAT A B
    if [ -z "$2" ] || [ "$2" != "$3" ]; then echo "$1: \"$2\" and \"$3\""; bad=1; fi
}
same "package" "$(pom package)" "$(gradle app namespace)"
same "application" "$(pom package)" "$(gradle app applicationId)"
same "lowest level of the app" "$(pom min.sdk)" "$(gradle app minSdk)"
same "lowest level of the library" "$(pom min.sdk)" "$(gradle tuff minSdk)"
same "level that the app is made for" "$(pom target.sdk)" "$(gradle app targetSdk)"
same "level that the app is compiled with" "$(pom target.sdk)" "$(gradle app compileSdk)"
same "level that the library is compiled with" "$(pom target.sdk)" "$(gradle tuff compileSdk)"
same "version code" "$(pom version.code)" "$(gradle app versionCode)"
same "version" "$(sed -n 's|^    <version>\(.*\)</version>|\1|p' pom.xml)" "$(gradle app versionName)"
for module in app tuff; do
    same "Java of $module" "VERSION_$(pom maven.compiler.release)" "$(sed -n 's/^ *sourceCompatibility JavaVersion\.//p' $module/build.gradle)"
    same "Java of $module, made" "VERSION_$(pom maven.compiler.release)" "$(sed -n 's/^ *targetCompatibility JavaVersion\.//p' $module/build.gradle)"
done
# what tests depend on
grep -oE "testImplementation '[^']*'" app/build.gradle | cut -d"'" -f2 | sort > "${TMPDIR:-/tmp}/lint_android.$$"
trap 'rm -f "${TMPDIR:-/tmp}/lint_android.$$"' EXIT
same "dependencies of the tests" "junit:junit:$(sed -n 's|.*<artifactId>junit</artifactId><version>\([^<]*\)<.*|\1|p' pom.xml) org.robolectric:robolectric:$(pom robolectric)" \
    "$(tr '\n' ' ' < "${TMPDIR:-/tmp}/lint_android.$$" | sed 's/ $//')"
# dependencies of the app itself: none but the library
same "dependencies of the app" "project(':tuff')" "$(sed -n 's/^ *implementation //p' app/build.gradle)"
same "framework to compile with" "$(pom sdk28 | sed 's/^9-.*/28/')" "$(pom min.sdk)"
# levels and ABIs of build.sh and of the tests
same "level of the libraries" "$(pom min.sdk)" "$(sed -n 's/.*target=$arch-linux-android\([0-9]*\).*/\1/p' build.sh)"
same "level of the APK's code" "$(pom min.sdk)" "$(sed -n 's/.*D8 --min-api \([0-9]*\).*/\1/p' build.sh)"
same "ABIs" "$(grep -oE "abiFilters .*" tuff/build.gradle | grep -oE "(arm64-v8a|x86_64)" | sort | tr '\n' ' ')" \
    "$(grep -oE 'case \$abi in .*' build.sh | grep -oE '(arm64-v8a|x86_64)' | sort -u | tr '\n' ' ')"
same "page size" "$(grep -oE 'max-page-size=[0-9]+' build.sh)" "$(grep -oE 'max-page-size=[0-9]+' tuff/src/main/cpp/CMakeLists.txt)"
path=$(sed -n "s/^ *path '\(.*\)'/\1/p" tuff/build.gradle)
[ -e "tuff/$path" ] || { echo "tuff/build.gradle names $path, which is not there"; bad=1; }
for module in $(sed -n "s/^include //p" settings.gradle | tr -d "',:"); do
    [ -e "$module/build.gradle" ] && [ -e "$module/src/main/AndroidManifest.xml" ] || { echo "settings.gradle names $module, which is not there"; bad=1; }
done
grep -qE 'package=|uses-sdk|versionCode' app/src/main/AndroidManifest.xml && { echo "AndroidManifest.xml says what build.gradle and pom.xml say"; bad=1; }
for file in settings.gradle build.gradle app/build.gradle tuff/build.gradle; do
    grep -q "ot run by Tuff's tests" $file || { echo "$file does not say that nobody here has run it"; bad=1; }
done
exit $bad
