#!/bin/sh
# device.sh - all of tuff-bench on this machine's GPU, and PyTorch with the same nets beside it, within a time.
#
#   device.sh [--minutes N] [--out DIR]        measure here; nothing is downloaded or installed
#   device.sh --pack DIR                       on another machine: put a build that can be carried here into DIR
#
#   --minutes N     everything ends within so many minutes (default 9)
#   --out DIR       where results go (default $OUT, or device-results): device.log, tuff-nets.json, tuff-rest.json, torch.json,
#                   table.md, report.html; files above 8 MB are compressed
#   --bin DIR       a folder made by --pack, or any that holds tuff-bench; without it Tuff is built here, into build/release
#   --stages A,B    of nets, torch, rest (default all): peaks and nets; PyTorch; peaks, operators, first results, time to accuracy
#   --device NAME   the Vulkan device, as tuff-info lists them (default: the library's choice)
#   --nets A,B      nets whose names contain one of these (default all)
#   --columns A,B   of PyTorch: eager-f32, compile-f32, eager-f16, compile-f16 (default all that work here)
#   --cpu           PyTorch on the CPU, to try the script where there is no GPU
#   --data DIR      Fashion-MNIST, for time to accuracy (default that of --bin, /usr/share/datasets/fashion-mnist)
#   --quick         as tuff-bench has it; PyTorch with fewer runs: to try the script
#   --help          this text
#
# PYTHON names the interpreter that has PyTorch (default python3). What is missing is said, and the rest is done without it. Each
# stage has its time and writes while it runs, so that a run that is ended leaves what it had.
# Exit status: 0 the table has figures of Tuff and of PyTorch, 1 one of them is missing, 2 wrong use.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
minutes=9 out=${OUT:-device-results} bin='' stages=nets,torch,rest device='' nets='' columns='' cpu='' data='' quick='' pack=''
usage() { sed -n '2,/^set -eu/s/^#\( \|$\)//p' "$0"; }
wrong() { echo "device.sh: $* (--help shows what there is)" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --cpu) cpu=1; shift; continue ;;
    --quick) quick=1; shift; continue ;;
    --minutes | --out | --bin | --stages | --device | --nets | --columns | --data | --pack)
        [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    *) wrong "unknown option $1" ;;
    esac
    case $1 in
    --minutes) minutes=$2 ;; --out) out=$2 ;; --bin) bin=$2 ;; --stages) stages=$2 ;; --device) device=$2 ;; --nets) nets=$2 ;;
    --columns) columns=$2 ;; --data) data=$2 ;; --pack) pack=$2 ;;
    esac
    shift 2
done
case $minutes in '' | *[!0-9]*) wrong "--minutes wants a whole number" ;; esac
[ "$minutes" -ge 1 ] || wrong "--minutes wants 1 or more"
for stage in $(echo "$stages" | tr , ' '); do
    case $stage in nets | torch | rest) ;; *) wrong "no stage $stage" ;; esac
done
has_stage() { case ",$stages," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

# ---- a build to carry along -------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2016
# $1: this source; tuff-bench goes to build/release/bin
build='cd "$1" && cmake --preset release && cmake --build --preset release --target tuff-bench'

# The program, the libraries it needs and the Vulkan loader: of these only what the other machine lacks is used there.
make_pack() {
    mkdir -p "$pack/lib"
    sh -c "$build" sh "$root" > "$pack/build.log" 2>&1 || { tail -n 20 "$pack/build.log" >&2; echo "device.sh: the build failed" >&2; exit 1; }
    cp "$root/build/release/bin/tuff-bench" "$pack/"
    strip "$pack/tuff-bench" 2>/dev/null || true
    { ldd "$pack/tuff-bench"; ldconfig -p | grep 'libvulkan\.so\.1 ' | head -n 1; } | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' |
        grep -vE '/(libc|libm|libdl|libpthread|librt)\.so' | while read -r library; do cp -L "$library" "$pack/lib/"; done
    data=${data:-/usr/share/datasets/fashion-mnist}
    if [ -d "$data" ]; then mkdir -p "$pack/data" && cp "$data"/*ubyte* "$pack/data/"; fi
    rm "$pack/build.log"
    du -sh "$pack"
    echo "There: device.sh --bin $(basename -- "$pack"). It needs a C library of version" \
        "$(objdump -T "$pack/tuff-bench" | sed -n 's/.*(\{0,1\}GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1) or later."
}
if [ -n "$pack" ]; then make_pack; exit 0; fi

# ---- time ------------------------------------------------------------------------------------------------------------------------

mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)
[ -z "$bin" ] || bin=$(CDPATH='' cd -- "$bin" 2>/dev/null && pwd) || wrong "there is no folder $bin"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
started=$(date +%s)
reserve=15 # seconds for the table and the report
left() { echo $((minutes * 60 - reserve - $(date +%s) + started)); }
say() { printf '[%3d s] %s\n' $(($(date +%s) - started)) "$*" | tee -a "$out/device.log"; }
# limited SECONDS COMMAND...: interrupts it then, ends it 15 s later; its output goes to the log and is shown
limited() {
    limit=$1; shift
    [ "$limit" -gt 20 ] || { say "no time is left for: $*"; return 1; }
    { timeout -s INT -k 15 $((limit - 15)) "$@" && echo 0 > "$work/status" || echo $? > "$work/status"; } 2>&1 | tee -a "$out/device.log"
    status=$(cat "$work/status")
    case $status in 124 | 137) say "its time was up: $*" ;; esac
    return "$status"
}
share() { echo $(($(left) * $1 / 100)); } # percent of what is left

# ---- what is here ------------------------------------------------------------------------------------------------------------------

: > "$out/device.log"
# Files of stages that are not asked for stay: they come into the table, too.
! has_stage nets || rm -f "$out/tuff-nets.json" "$out/tuff-nets.json.gz"
! has_stage rest || rm -f "$out/tuff-rest.json" "$out/tuff-rest.json.gz"
! has_stage torch || rm -f "$out/torch.json" "$out/torch.json.gz"
describe() {
    uname -srm
    sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null || true
    grep -m 1 'model name' /proc/cpuinfo || true
    echo "$(getconf _NPROCESSORS_ONLN) processors"
    if command -v nvidia-smi > /dev/null; then
        timeout 10 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv || true
    else
        echo "no nvidia-smi"
    fi
}
describe 2>&1 | tee -a "$out/device.log"

python=${PYTHON:-python3}
torch=
if has_stage torch; then
    if "$python" -c 'import torch' 2> "$work/torch"; then
        torch=cuda
        "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || torch=
        [ -z "$cpu" ] || torch=cpu
        [ -n "$torch" ] || say "MISSING: PyTorch sees no GPU (torch.cuda.is_available() is false); --cpu measures on the CPU"
    else
        say "MISSING: PyTorch: $(tail -n 1 "$work/torch"). Say PYTHON=... where another interpreter has it"
    fi
fi

# ---- build, while PyTorch's compiler fills its cache: neither is timed ----------------------------------------------------------------

has_tuff_stage() { has_stage nets || has_stage rest; }
need_build=
if [ -z "$bin" ] && has_tuff_stage; then need_build=1; fi
ahead=
jobs=$(($(getconf _NPROCESSORS_ONLN) / 3))
if [ "$torch" = cuda ] && [ $jobs -ge 1 ]; then
    say "torch.compile fills its cache, $jobs processes"
    "$python" "$root/tests/torch/pytorch.py" --device "$torch" --nets "$nets" ${columns:+--columns "$columns"} --ahead-only --jobs $jobs \
        --ahead-seconds "$(share 25)" > "$work/ahead" 2>&1 &
    ahead=$!
fi
if [ -n "$need_build" ]; then
    say "building tuff-bench"
    if timeout -k 5 "$(share 40)" sh -c "$build" sh "$root" > "$work/build.log" 2>&1; then
        bin=$root/build/release/bin
    else
        grep -E 'CMake Error|not found|error:|FAILED' "$work/build.log" | head -n 10 | tee -a "$out/device.log"
        tail -n 5 "$work/build.log" | tee -a "$out/device.log"
        say "MISSING: tuff-bench could not be built here (above). Where it can be: device.sh --pack DIR; then --bin DIR here"
    fi
fi
if [ -n "$ahead" ]; then
    wait $ahead || true
    tee -a "$out/device.log" < "$work/ahead"
fi

# ---- does tuff-bench run, and on what? ---------------------------------------------------------------------------------------------------

# Of the libraries beside the program those that are missing here: a whole older set could break this system's drivers.
borrow_libraries() {
    mkdir -p "$work/lib"
    { ldd "$bin/tuff-bench" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'
      ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1 ' || echo libvulkan.so.1; } | while read -r name; do
        if [ -e "$bin/lib/$name" ]; then
            ln -s "$bin/lib/$name" "$work/lib/"
            say "$name is not on this system: taken from $bin/lib"
        else
            say "MISSING: $name is not on this system"
        fi
    done
}
bench() { # as limited; $1: seconds
    limit=$1; shift
    limited "$limit" env LD_LIBRARY_PATH="$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$bin/tuff-bench" \
        ${device:+--device "$device"} ${quick:+--quick} "$@"
}
probe() { # opens the device, runs nothing
    LD_LIBRARY_PATH="$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 60 "$bin/tuff-bench" ${device:+--device "$device"} \
        --plan --only net/mlp/infer/b1/ > "$work/probe" 2>&1
}
on_gpu() { probe && ! grep -q 'a software driver' "$work/probe"; }
# Containers often hold a driver's library without the manifest that tells the Vulkan loader of it, or hold it elsewhere.
find_driver() {
    on_gpu && return 0
    [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] || { probe; return; } # somebody has chosen
    for manifest in $(find /usr/share/vulkan /usr/local /etc/vulkan /opt -name 'nvidia_icd*.json' 2>/dev/null) "$work/nvidia_icd.json"; do
        if [ "$manifest" = "$work/nvidia_icd.json" ]; then
            ldconfig -p 2>/dev/null | grep -q 'libGLX_nvidia\.so\.0' || continue
            echo '{"file_format_version": "1.0.0", "ICD": {"library_path": "libGLX_nvidia.so.0", "api_version": "1.3.0"}}' > "$manifest"
        fi
        export VK_DRIVER_FILES="$manifest" VK_ICD_FILENAMES="$manifest" # the second: loaders before 1.3.207
        if on_gpu; then say "Vulkan's driver is told by $manifest"; return 0; fi
    done
    unset VK_DRIVER_FILES VK_ICD_FILENAMES
    probe
}
tuff=
if [ -n "$bin" ] && has_tuff_stage; then
    if [ ! -x "$bin/tuff-bench" ]; then
        say "MISSING: there is no program $bin/tuff-bench"
    else
        borrow_libraries
        if find_driver; then
            tuff=1
            sed -n '2,6p' "$work/probe" | tee -a "$out/device.log"
            ! grep -q 'a software driver' "$work/probe" || say "MISSING: a Vulkan driver for a GPU: Tuff runs on the CPU here"
        else
            tail -n 5 "$work/probe" | tee -a "$out/device.log"
            say "MISSING: tuff-bench opens no Vulkan device (above)"
        fi
    fi
fi

# ---- measuring -----------------------------------------------------------------------------------------------------------------------

net_patterns() { # net/A,net/B: where an id has the name in it
    if [ -z "$nets" ]; then echo net/; else echo "$nets" | sed 's/[^,]*/net\/*&*/g'; fi
}
limits='--max-seconds 10'
if [ -n "$quick" ]; then limits=; fi
if [ -n "$tuff" ] && has_stage nets; then
    percent=100
    if has_stage rest; then percent=75; fi
    if [ -n "$torch" ]; then percent=45; fi
    say "Tuff: peaks and nets"
    # shellcheck disable=SC2086
    bench "$(share $percent)" $limits --only "peak/,$(net_patterns)" --json "$out/tuff-nets.json" || true
fi
if [ -n "$torch" ]; then
    say "PyTorch"
    percent=100
    if [ -n "$tuff" ] && has_stage rest; then percent=75; fi
    seconds=$(share $percent)
    set -- --seconds 0.5 --max-seconds 5
    if [ -n "$quick" ]; then set -- --seconds 0.1 --runs 5 --max-seconds 2; fi
    # A figure that compiles may take a minute: none is begun in the last three quarters of one.
    budget=$((seconds - 45))
    [ $budget -gt $((seconds / 2)) ] || budget=$((seconds / 2))
    limited "$seconds" "$python" "$root/tests/torch/pytorch.py" --device "$torch" --nets "$nets" ${columns:+--columns "$columns"} "$@" \
        --budget $budget --json "$out/torch.json" || true
fi
if [ -n "$tuff" ] && has_stage rest; then
    say "Tuff: operators, first results, time to accuracy"
    if [ -z "$data" ] && [ -d "$bin/data" ]; then data=$bin/data; fi
    # shellcheck disable=SC2086
    bench "$(left)" $limits ${data:+--data "$data"} --only peak/,operator/,first/,accuracy/ --json "$out/tuff-rest.json" || true
fi

# ---- the table -------------------------------------------------------------------------------------------------------------------------

say "table and report"
files=
for file in tuff-nets tuff-rest torch; do
    if [ -e "$out/$file.json" ]; then files="$files $out/$file.json"; fi
done
done_well=1
if [ -n "$files" ] && command -v "$python" > /dev/null; then
    # shellcheck disable=SC2086
    "$python" "$root/tests/torch/pytorch.py" --table $files > "$out/table.md" || done_well=
    tee -a "$out/device.log" < "$out/table.md"
else
    done_well=
fi
for file in tuff-nets tuff-rest; do
    [ -n "$tuff" ] && [ -e "$out/$file.json" ] || continue
    LD_LIBRARY_PATH="$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 20 "$bin/tuff-bench" check "$out/$file.json" 2>&1 |
        tail -n 5 | tee -a "$out/device.log"
done
if [ -n "$tuff" ]; then
    # shellcheck disable=SC2046,SC2086
    LD_LIBRARY_PATH="$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 20 "$bin/tuff-bench" report "$out/report.html" \
        $(printf '%s\n' $files | grep /tuff-) > /dev/null 2>&1 || say "no report"
fi
find "$out" -maxdepth 1 -type f -size +8192k ! -name '*.gz' -exec gzip -f {} +
say "done: $out"
if ! has_stage torch || [ -e "$out/torch.json" ]; then :; else done_well=; fi
if ! has_tuff_stage || [ -n "$tuff" ]; then :; else done_well=; fi
[ -n "$done_well" ]
