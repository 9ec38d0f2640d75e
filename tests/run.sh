#!/bin/sh
# run.sh - the one command that builds Tuff and runs its tests.
#
#   tests/run.sh               build, all tests on lavapipe under validation, once more without optimization passes and
#                              with poisoned memory, once more a choice of them under sanitizers (15 to 40 minutes on two cores)
#   tests/run.sh quick         tests that need no GPU (under a minute)
#   tests/run.sh matrix        every driver, profile, compiler and build option; prints a table. Drivers that are not on
#                              this system come from the lab: $TUFF_SHARED, else ../shared. TUFF_ROWS=REGEX: those rows alone
#   tests/run.sh ARGUMENTS     those of ctest, over build/release: tests/run.sh -R conv -V
#
# Set in the environment, they stay: VK_ICD_FILENAMES, VK_DRIVER_FILES (another driver), TUFF_DEBUG. TUFF_JOBS: tests at once.
# TUFF_TEST_INSTALL=1, as root: apt also installs the Debian packages here, and removes them.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
jobs=${TUFF_JOBS:-$(getconf _NPROCESSORS_ONLN)}
logs=build/test-logs
failures=0

say() { printf '%s\n' "$*"; }

# ---- one test program on one driver; used by rows_of_programs through xargs ----
if [ "${1:-}" = __one ]; then # __one LOG_FOLDER PROGRAM WRAPPER...
    folder=$2 program=$3; shift 3
    name=$(basename -- "$program")
    status=0
    timeout 900 "$@" "$program" > "$folder/$name.log" 2>&1 < /dev/null || status=$?
    echo "$status $name" > "$folder/$name.status"
    exit 0
fi

packages() {
    . cmake/packages.sh
    # shellcheck disable=SC2086
    need_packages $tuff_packages "$@"
}

build() { # build PRESET [CMAKE ARGUMENTS]: configures when that was not done, builds all
    preset=$1; shift
    mkdir -p "$logs"
    if [ ! -e "build/$preset/build.ninja" ] || [ $# -gt 0 ]; then
        case $preset in
        release | debug | asan | tsan | clang) set -- cmake --preset "$preset" "$@" ;;
        *) set -- cmake -S . -B "build/$preset" -G Ninja "$@" ;;
        esac
        "$@" > "$logs/configure-$preset.log" 2>&1 ||
            { tail -n 30 "$logs/configure-$preset.log"; say "configuring $preset failed"; return 1; }
    fi
    cmake --build "build/$preset" > "$logs/build-$preset.log" 2>&1 || {
        grep -E -A6 'error|FAILED' "$logs/build-$preset.log" | head -n 60
        say "building $preset failed (all of it: $logs/build-$preset.log)"
        return 1
    }
}

software_driver() { # lavapipe, unless the caller chose a driver
    [ -z "${VK_ICD_FILENAMES:-}${VK_DRIVER_FILES:-}" ] || return 0
    for icd in /usr/share/vulkan/icd.d/lvp_icd.*.json /usr/share/vulkan/icd.d/lvp_icd.json; do
        if [ -e "$icd" ]; then VK_ICD_FILENAMES=$icd; export VK_ICD_FILENAMES; return 0; fi
    done
}

# suite TITLE PRESET DEBUG CTEST-ARGUMENTS...: one ctest pass; keeps its summary for the end
suite() {
    title=$1 preset=$2 debug=$3; shift 3
    log=$logs/$(echo "$title" | tr -c 'a-z0-9\n' -).log
    say "== $title"
    status=0
    TUFF_DEBUG=${TUFF_DEBUG:-$debug} ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error "$@" \
        > "$log" 2>&1 < /dev/null || status=$?
    if [ $status -ne 0 ]; then
        failures=$((failures + 1))
        # the output of failed tests stands between their lines and the next test's
        grep -vE '^ *Start |\*\*\*Skipped|Passed ' "$log" | head -n 200
    fi
    {
        say "== $title"
        grep -E 'tests passed|Total Test time' "$log" || tail -n 3 "$log"
        sed -n '/^The following tests FAILED/,$p' "$log" | grep -E '^[[:blank:]]+[0-9]+ - ' || true
    } >> "$logs/summary"
    skipped "$log" "build/$preset/Testing/Temporary/LastTest.log" >> "$logs/summary"
}

# skipped CTEST-LOG TEST-LOG: the skipped tests of a pass, each with the last line it printed: its reason
skipped() {
    sed -n '/^The following tests did not run/,/^$/s/.*- \(.*\) (Skipped)/\1/p' "$1" | while read -r name; do
        reason=$(awk -v name="$name" '
            /^[0-9]+\/[0-9]+ Testing: / { on = $3 == name }
            on && /^<end of output>/ { exit }
            on && /^Output:/ { text = 1; next }
            on && text && NF && !/^-+$/ { last = $0 }
            END { print last }' "$2")
        say "    skipped $name: ${reason:-no reason given}"
    done
}

finish() { # prints the summaries; the exit status says whether anything failed
    say ""
    cat "$logs/summary"
    printf 'Total: %d seconds\n' $(($(date +%s) - started))
    if [ $failures -ne 0 ]; then say "FAILED: $failures of the passes above (logs in $logs)"; exit 1; fi
    exit 0
}
passes_off=nofuse,nosimplify,noalias,poison,validate
# What the default leaves to the matrix: of references, and of sanitizers.
long_references='onnx_runtime|torch_layers'
long_programs='train_program|detect_boxes|sample_transfer|train_augment|train_scores'

quick() {
    packages
    build release
    suite "quick" release check -L quick
}

default() {
    packages vulkan-validationlayers dpkg-dev file python3 clang libclang-rt-dev # clang: tests/fuzz_rounds.sh
    build release
    export TUFF_FUZZ_RUNS="${TUFF_FUZZ_RUNS:-3000}"
    suite "release, lavapipe, validation" release check,validate -E "^($long_references)\$"
    # What passes have a say in; the others run so in the matrix.
    suite "release, lavapipe, passes off, poisoned" release $passes_off \
        -R '^((backend_program|refs_suite|train_(bits|control|groups|barriers))$|(graph|op|session)_)' \
        -E '^(op_(selftest|types|products)|session_(sequence|kernels))$' # minutes of kernels alone: in the matrix
    # Other kernels than above, so that Mesa's cache has none of them: without LLVM's optimization, whose time is most of it.
    llvm=${GALLIVM_PERF-}
    export GALLIVM_PERF="${llvm:-nopt}"
    suite "release, lavapipe, no compiler" release nocompiler,check -R '^(op_random|op_hostile|loaders_fit)$'
    export GALLIVM_PERF="$llvm"
    build asan "-DTUFF_SHADERS_OF=$root/build/release"
    # Not what trains or measures for long, nor compares numbers alone: those run so in the matrix.
    suite "address and undefined-behaviour sanitizer, lavapipe" asan check \
        -E '^((canary|dryrun|fuzz|lint|install|roofline|pack|probe|torch)_|bench_(run|torch)$|onnx_(classify|conformance|models|peers|runtime|sizes|write)$|sample_(autoencoder|unet)$|transfer_onnx$|train_(quick|resume|rounds|limits|threads|precision|recompute)$|('$long_programs')$|(refs_suite|session_check|op_(chains|edges|products|rows|same_bits|selftest|types)|session_kernels|example_classifier)$)'
}

# ---- matrix ----

row() { printf '%-58s %6s %6s %7s %8s  %s\n' "$@" | tee -a "$logs/table"; }

# TUFF_ROWS: an extended regular expression; rows of other titles are left out
wanted() { [ -z "${TUFF_ROWS:-}" ] || printf '%s\n' "$1" | grep -Eq "$TUFF_ROWS"; }

# programs TITLE PRESET WRAPPER...: every test program of a build through a wrapper (env, lab scripts), one row
programs() {
    title=$1 preset=$2; shift 2
    wanted "$title" || return 0
    folder=$root/$logs/$(echo "$title" | tr -c 'A-Za-z0-9\n' -)
    rm -rf "$folder"; mkdir -p "$folder"
    begun=$(date +%s)
    find "build/$preset/tests" -maxdepth 1 -type f -perm -u+x ! -name '*-*' | grep -E "/(${only:-.*})\$" | grep -vE "/(${except:-})\$" | sort |
        TUFF_CACHE_DIR=$folder/cache TUFF_SOURCE_DIR=$root TUFF_BUILD_DIR=$root/build/$preset \
            xargs -P "$jobs" -I PROGRAM sh "$root/tests/run.sh" __one "$folder" "$root/PROGRAM" "$@"
    rm -rf "$folder/cache"
    passed=0 failed=0 skips=0 names=
    for file in "$folder"/*.status; do
        [ -e "$file" ] || continue
        read -r status name < "$file"
        case $status in
        0) passed=$((passed + 1)) ;;
        77) skips=$((skips + 1))
            say "$name: $(grep -vE '^ *$|^X connection' "$folder/$name.log" | tail -n 1)" >> "$logs/matrix-skipped" ;;
        *) failed=$((failed + 1)) names="$names $name($status)" ;;
        esac
    done
    [ $failed -eq 0 ] && [ $passed -ne 0 ] || failures=$((failures + 1))
    row "$title" $passed $failed $skips $(($(date +%s) - begun)) "$names"
}

# task TITLE COMMAND...: one row for something that passes or fails as a whole; its status is the command's
task() {
    title=$1; shift
    wanted "$title" || return 0
    begun=$(date +%s) status=0
    "$@" > "$logs/task.log" 2>&1 || status=$?
    last=$(grep -vE '^ *$|^X connection' "$logs/task.log" | tail -n 1) # wine's last word
    case $status in
    0) row "$title" 1 0 0 $(($(date +%s) - begun)) "" ;;
    77) without "$title" "${last#skipped: }" ;; # the program's own word
    *)
        failures=$((failures + 1))
        row "$title" 0 1 0 $(($(date +%s) - begun)) "$last"
        return 1
        ;;
    esac
}

# without TITLE REASON: a row that cannot be run here
without() { row "$1" - - - - "skipped: $2"; }

# lab TITLE SCRIPT ARGUMENTS... : programs of the release build through a script of the lab, or the reason why not
lab() {
    title=$1 script=$2; shift 2
    wanted "$title" || return 0
    if [ -z "$shared" ]; then without "$title" "no lab (TUFF_SHARED, ../shared)"; return 0; fi
    # A first call fetches what the script needs.
    if ! "$shared/lab/$script" "$@" -- /bin/true > "$logs/lab.log" 2>&1; then
        without "$title" "$(tail -n 1 "$logs/lab.log")"
        return 0
    fi
    programs "$title" release env "TUFF_DEBUG=$lab_debug" "$shared/lab/$script" "$@" --
}

# Two contexts on two drivers, on two threads of one process.
two_drivers() {
    title="  lavapipe and SwiftShader at once"
    wanted "$title" || return 0
    second=
    [ -z "$shared" ] || second=$("$shared/lab/swiftshader.sh" 2> /dev/null | sed -n 's/^export VK_ICD_FILENAMES=//p')
    if [ -z "$second" ] || [ -z "${VK_ICD_FILENAMES:-}" ]; then without "$title" "there are no two drivers"; return 0; fi
    task "$title" env "VK_ICD_FILENAMES=$VK_ICD_FILENAMES:$second" TUFF_DEBUG=check,validate build/release/tests/train_threads || true
}

# Windows: made by mingw-w64, run by wine with this system's drivers.
windows() {
    if [ -z "$shared" ]; then without "Windows" "no lab (TUFF_SHARED, ../shared)"; return 0; fi
    need_packages gcc-mingw-w64-x86-64 libz-mingw-w64-dev wine64 xvfb || { without "Windows" "no mingw-w64 or wine"; return 0; }
    json=OFF # models are files with JSON in them
    if sh tests/run_cjson.sh "$root/build/cjson-windows" x86_64-w64-mingw32- > "$logs/lab.log" 2>&1; then json=ON; fi
    built "build, Windows, mingw-w64" windows --toolchain cmake/toolchain-mingw64.cmake -DCMAKE_BUILD_TYPE=Release \
        -DTUFF_WERROR=ON -DTUFF_JSON=$json "-DTUFF_CJSON_INCLUDE_DIR=$root/build/cjson-windows/include" \
        "-DTUFF_CJSON_LIBRARY=$root/build/cjson-windows/lib/libcjson.a" || return 0
    "$shared/lab/wine.sh" cmd /c exit > "$logs/lab.log" 2>&1 || true # sets itself up once
    task "  its DLLs and headers" ctest --test-dir build/windows --output-on-failure -R '^lint_(exports|headers)$' || true
    programs "  under wine" windows env TUFF_DEBUG=check "$shared/lab/wine.sh"
    task "  its dry run" "$shared/lab/wine.sh" build/windows/bin/tuff-dryrun.exe || true
    if [ $json = ON ]; then
        task "  a training on Windows" sh tests/run_training.sh build/windows/bin/tuff-train.exe "$shared/lab/wine.sh" || true
    else
        without "  a training on Windows" "$(tail -n 1 "$logs/lab.log")"
    fi
}

# ARM64: libraries out of the lab, run by qemu with ARM64 lavapipe. What compiles many kernels there takes hours: left out.
arm64() {
    if [ -z "$shared" ]; then without "ARM64" "no lab (TUFF_SHARED, ../shared)"; return 0; fi
    need_packages gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static ||
        { without "ARM64" "no cross compiler or qemu"; return 0; }
    if ! sysroot=$("$shared/lab/arm64.sh" --with glslang-dev spirv-tools libpng-dev libjpeg62-turbo-dev libcjson-dev zlib1g-dev \
        2> "$logs/lab.log"); then
        without "ARM64" "$(tail -n 1 "$logs/lab.log")"
        return 0
    fi
    built "build, ARM64" arm64 --toolchain cmake/toolchain-arm64.cmake "-DTUFF_SYSROOT=$sysroot" -DCMAKE_BUILD_TYPE=Release \
        -DTUFF_WERROR=ON || return 0
    only='(backend|graph|loaders|plan)_[a-z]*'
    programs "  under qemu" arm64 env TUFF_DEBUG=check "$shared/lab/arm64.sh" --
    only=
    task "  a training on ARM64" sh tests/run_training.sh build/arm64/bin/tuff-train "$shared/lab/arm64.sh" -- || true
}

# A row for each GPU that the lab simulates: plans, pipelines and recordings under its driver's own limits and compiler.
dry_runs() {
    [ -n "$shared" ] && [ -e "$shared/lab/gpu.sh" ] || { without "dry runs" "no lab (TUFF_SHARED, ../shared)"; return 0; }
    rm -f build/release/bin/tuff-dryrun.arm64
    [ ! -e build/arm64/bin/tuff-dryrun ] || ln build/arm64/bin/tuff-dryrun build/release/bin/tuff-dryrun.arm64
    "$shared/lab/gpu.sh" --list 2> /dev/null | sed 's/ .* / /' > "$logs/gpus"
    while read -r gpu system; do
        title="dry run $gpu"
        if [ "$system" = arm64 ] && [ ! -e build/release/bin/tuff-dryrun.arm64 ]; then
            wanted "$title" && without "$title" "no ARM64 build"
            continue
        fi
        task "$title" env "TUFF_SHARED=$shared" sh tests/dryrun_gpus.sh "$gpu" < /dev/null || true
        task "  teaching a head on $gpu" env "TUFF_SHARED=$shared" sh tests/dryrun_gpus.sh --net teach "$gpu" < /dev/null || true
        [ "$system" != arm64 ] || continue # under qemu the compilers take from ten minutes to an hour for the nets
        task "  nets on $gpu" env "TUFF_SHARED=$shared" sh tests/dryrun_gpus.sh --nets "$gpu" < /dev/null || true
        task "  models on $gpu" env "TUFF_SHARED=$shared" sh tests/dryrun_gpus.sh --models "$gpu" < /dev/null || true
    done < "$logs/gpus"
}

format_check() {
    unformatted=$(find backend graph loaders samples tests -name '*.[ch]' | sort | while read -r file; do
        clang-format --dry-run --Werror "$file" 2>/dev/null || printf '%s ' "$file"
    done)
    [ -z "$unformatted" ] || { say "clang-format -i $unformatted"; return 1; }
}

# long TITLE TEST ARGUMENTS...: a test of the release build with more rounds than it has by default
long() {
    title=$1 program=build/release/tests/$2; shift 2
    task "$title" env TUFF_DEBUG=check,validate TUFF_CACHE_DIR="$root/$logs/long-cache" timeout 1800 "$program" "$@" || true
}

# built TITLE PRESET [CMAKE ARGUMENTS]: a row for the build; its programs run only when it succeeds
built() { title=$1; shift; task "$title" build "$@"; }

matrix() {
    packages vulkan-validationlayers python3 clang clang-format doxygen binutils dpkg-dev file
    shared=
    for folder in "${TUFF_SHARED:-}" "$root/../shared"; do
        if [ -n "$folder" ] && [ -e "$folder/lab/mesa-new.sh" ]; then shared=$(CDPATH= cd -- "$folder" && pwd); break; fi
    done
    : > "$logs/table"; : > "$logs/matrix-skipped"
    row "" passed failed skipped seconds ""
    built "build, gcc" release || { cp "$logs/table" "$logs/summary"; return 0; }
    task "lints, installation" ctest --test-dir build/release -j "$jobs" --output-on-failure -R '^(lint|install)_' || true
    programs "lavapipe of this system, validation" release env TUFF_DEBUG=check,validate
    programs "  passes off, poisoned" release env TUFF_DEBUG=$passes_off
    programs "  no compiler" release env TUFF_DEBUG=nocompiler,validate
    for seed in 1 2 3 4 5 6 7 8; do
        only='op_harness|op_random|op_far|op_nan|op_long|train_quick' # op_edges counts on 1 / 1 and log(1), which may be off
        # Even seeds round toward zero; the bounds of reference cases are of rounding to nearest (tests/refs/refs_bound.c).
        [ $((seed % 2)) = 0 ] || only="$only|refs_suite"
        programs "  hostile, seed $seed" release env TUFF_HOSTILE=$seed TUFF_DEBUG=check
    done
    only=
    programs "  subgroups of 4" release env LP_NATIVE_VECTOR_WIDTH=128
    programs "  subgroups of 16" release env LP_NATIVE_VECTOR_WIDTH=512
    only='op_.*|backend_.*|refs_suite|train_quick|train_resume|train_control' # what limits have a say in
    for profile in powervr adreno702 mali-g31 v3d71 swiftshader navi31 no-16bit,no-8bit,no-subgroups \
        no-timeline,no-timestamps range=1048576; do
        programs "  limits of $profile" release env TUFF_LIMITS=$profile TUFF_DEBUG=validate
    done
    only='op_harness|op_random|op_long|refs_suite' # every tensor of more than 4096 elements in windows
    programs "  limits of range=16384" release env TUFF_LIMITS=range=16384 TUFF_DEBUG=validate
    only=
    lab_debug=check
    lab "lavapipe 25.0.7" mesa-new.sh
    except='train_(foreign|program|scores)' # they start other programs, which that driver's own libc does not reach
    lab "lavapipe of Debian sid" mesa-new.sh sid
    except=
    lab "SwiftShader" swiftshader.sh
    two_drivers
    lab_debug=validate
    lab "newest validation layer, synchronization" validate.sh
    lab_debug=
    lab "newest validation layer, shaders instrumented" validate.sh --gpu
    if ls /dev/dri/renderD* /dev/nvidia0 > /dev/null 2>&1; then
        programs "GPU of this system" release env -u VK_ICD_FILENAMES TUFF_DEBUG=check
    else
        without "GPU of this system" "there is none"
    fi

    if built "build, sanitizers" asan; then
        programs "  address and undefined behaviour" asan env TUFF_DEBUG=check
        task "  programs that train and detect" ctest --test-dir build/asan --output-on-failure -R "^($long_programs)\$" || true
        task "  every edit of ONNX's conformance models" env TUFF_EDITS=1 timeout 1800 build/asan/tests/onnx_edits || true
    fi
    except=graph_evaluate # of one thread; the sanitizer's shadow of its 8 GiB is larger than they
    if built "build, thread sanitizer" tsan; then programs "  threads" tsan env TUFF_DEBUG=check; fi
    except=
    if built "build, debug" debug; then programs "  assertions" debug env TUFF_DEBUG=check,validate; fi
    if built "build, clang" clang; then programs "  clang's code" clang env TUFF_DEBUG=check; fi
    if built "build, nothing optional" minimal -DCMAKE_BUILD_TYPE=Release -DTUFF_WERROR=ON -DTUFF_GLSLANG=OFF -DTUFF_PNG=OFF \
        -DTUFF_JPEG=OFF -DTUFF_WEBP=OFF -DTUFF_GIF=OFF -DTUFF_BMP=OFF -DTUFF_TIFF=OFF -DTUFF_JP2=OFF -DTUFF_JSON=OFF -DTUFF_ZIP=OFF -DTUFF_ONNX=OFF -DTUFF_ZLIB=OFF; then
        programs "  no glslang, no picture formats, no JSON, no zlib" minimal env TUFF_DEBUG=check
    fi
    if built "build, static libraries" static -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF; then
        task "  installed static libraries" ctest --test-dir build/static --output-on-failure -R '^install_' || true
    fi
    if task "build, Debian packages" cmake --workflow --preset package; then
        task "  unpacked and used" env "TUFF_BUILD_DIR=$root/build/package" sh tests/install_packages.sh || true
    fi
    windows
    arm64
    dry_runs
    task "Android: library and app in a JVM, API 29 and 35" sh tests/run_android.sh jvm || true
    task "  the phones' own libraries, both ABIs" sh tests/run_android.sh phone || true
    task "  the APK" sh tests/run_android.sh apk || true
    task "roofline of kernels, a compiler of each kind" env "TUFF_SHARED=$shared" \
        sh tests/roofline_gpus.sh polaris10,navi21,navi31,intel-dg2,intel-bmg,kepler,pascal,ada,adreno740,apple-m1 || true
    long "every allocation fails, validation" fault_memory 1
    long "every Vulkan call fails, validation" fault_vulkan 1
    long "kill -9 in a training, 200 times" train_kill 200
    long "1,000 rounds, 10,000 steps" train_rounds 1000 10000
    long "self-test with the kernels of other devices" op_selftest all
    long "matrix products of every class of devices" op_products all
    task "ONNX Runtime and PyTorch's layers" ctest --test-dir build/release --output-on-failure -R "^($long_references)\$" || true
    task "fuzzing, 200,000 rounds of each reader" env TUFF_FUZZ_RUNS=200000 sh tests/fuzz_rounds.sh || true
    task "ResNet-50's head beside PyTorch's" sh tests/torch_transfer.sh small resnet50 || true
    task "mutations: those of the list, 20 drawn" python3 tests/mutate.py --count 20 --minutes 120 || true
    task "format" format_check || true
    task "documentation" cmake --build build/release --target docs || true
    cp "$logs/table" "$logs/summary"
    sort "$logs/matrix-skipped" | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/    skipped in \1 rows: \2/' >> "$logs/summary"
}

started=$(date +%s)
mkdir -p "$logs"
: > "$logs/summary"
software_driver
case ${1:-} in
'') default ;;
quick) quick ;;
matrix) matrix ;;
-h | --help) sed -n '2,/^set -eu/s/^#\( \|$\)//p' "$0"; exit 0 ;;
-*) packages vulkan-validationlayers; build release
    TUFF_DEBUG=${TUFF_DEBUG:-check,validate} exec ctest --test-dir build/release -j "$jobs" --output-on-failure "$@" ;;
*) say "run.sh: unknown argument $1 (--help)" >&2; exit 2 ;;
esac
finish
