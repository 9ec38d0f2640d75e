#!/bin/sh
# fuzz_rounds.sh - builds the fuzz targets (tests/fuzz) with clang; each reader takes the files that once were findings
# (tests/data/fuzz/READER), then a fixed number of rounds from the seeds: the same inputs every time.
#
#   tests/fuzz_rounds.sh [--coverage] [READER...]
#       --coverage       says which lines of the reader's sources were run, of those that a reader can run; names the others
#       TUFF_FUZZ_RUNS=N      rounds of each (10000)
#       TUFF_FUZZ_CORPUS=DIR  where inputs that reach something new are kept, and taken from by the next call
#
# For one long run: cmake --preset fuzz && cmake --build --preset fuzz && build/fuzz/bin/fuzz-seeds SEEDS
#                   build/fuzz/bin/fuzz-TARGET -runs=10000000 -timeout=5 -malloc_limit_mb=256 CORPUS SEEDS/READER
set -eu
case ${1:-} in
--help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
--coverage) coverage=1; shift ;;
*) coverage= ;;
esac
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
build=${TUFF_BUILD_DIR:-build/release}/fuzz
mkdir -p "$build"
build=$(CDPATH= cd -- "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Reader, target, longest input; for --coverage its sources, and their functions that read nothing: they write, build plans, take
# files that others map, or need a device.
readers='
png         picture     1024 samples/data/picture_png.c tuff_png_encode|try_write|write_bytes|flush_bytes
jpeg        picture     1024 samples/data/picture_jpeg.c,samples/data/exif.c,samples/data/picture.c tuff_picture_(read|write_png|kind|check|missing)
webp        picture     1024 samples/data/picture_webp.c -
gif         picture     512  samples/data/picture_gif.c -
bmp         picture     1024 samples/data/picture_stb.c tuff_pnm_decode|pnm_number|is_space
pnm         picture     512  samples/data/picture_stb.c tuff_bmp_decode|read_head|check_rows|colours_exist|number
tiff        picture     2048 samples/data/picture_tiff.c write_bytes
jp2         picture     1024 samples/data/picture_jp2.c -
foreign     foreign     1024 backend/printable.c,samples/data/exif.c -
idx         idx         4096 samples/data/idx.c,samples/data/gzip.c tuff_idx_read
numpy       numpy       4096 samples/data/npy.c,samples/data/npz.c,samples/data/archive.c,samples/data/columns.c tuff_(numpy_open|np[yz]_write|npy_head)|put|put_header|put_end|compare_names|describe|store
torch       torch       8192 samples/data/torch.c,samples/data/archive.c tuff_torch_open
weights     weights     2048 samples/data/weights.c tuff_tensors_(open|kind|add)|open_tuff|kind_of.*|look|tuff_array_gather
hdf5        hdf5        8192 samples/data/hdf5.c tuff_hdf5_open
onnx        onnx        4096 loaders/onnx.c,loaders/onnx_read.c,loaders/onnx_build.c,loaders/onnx_control.c tuff_onnx_open|tuff_onnx_tensor_open|parse_tensor|tuff_onnx_parse_tensor|take_external|open_external|is_inside|number_of
safetensors safetensors 4096 loaders/safetensors.c,loaders/tensors.c tuff_safetensors_open
container   container   4096 backend/container.c tuff_container_(open|write|lay_out)|table_bytes_of|put|read_content|make_table
checkpoint  checkpoint  6144 loaders/checkpoint.c,loaders/saved.c,loaders/model_checkpoint.c,loaders/leaves.c tuff_(checkpoint_(store|write|read)|saved_(open|load|model|resume)|predictor_.*|model_checkpoint_save|leaves_read|array_.*|element_dtype)|check_(keys|model)|describe|text_section|(read|write)_(lazy|leaves|file)|start|print_field|read_field|find_(network|ends?)|bytes_of|batch_of|run_part|widen
preprocess  checkpoint  6144 loaders/preprocess.c tuff_(preprocess_(print|check)|labels_print)
bundle      bundle      4096 backend/bundle.c tuff_executable_save|add_(contents|section|kernels|plan)|has_content|read_slot|refuse
plan        plan        4096 backend/plan_text.c,backend/plan.c tuff_plan_(summary|place.*|run_length|advance|loop_at)|tuff_launch_(bytes|texels)|add_bytes|equal_kernels|launch_conflicts|bindings_conflict
graph       graph       4096 graph/parse.c -
network     network     4096 graph/train/stored.c tuff_model_network_text|print
row         row         2048 graph/ops/own_row.c -
spirv       spirv       4096 backend/spirv.c -
cache       cache       4096 backend/cache.c tuff_(spirv_key|cache_(add|flush|dump))|collect_entries|fetch_blob
store       store       512  backend/store.c tuff_store_on
dataset     dataset     4096 samples/data/dataset.c,samples/data/dataset_folder.c tuff_left_out_name
history     history     4096 samples/train/history.c history_(step|finish)
result      result      4096 samples/bench/check.c,samples/bench/check_rows.c,samples/bench/check_schema.c,samples/bench/document.c check_files?|print_(line|valid)|document_read
compile     compile     4096 - -'

command -v clang > /dev/null 2>&1 || { echo "skipped: clang is not installed"; exit 77; }
[ -z "$coverage" ] || command -v llvm-cov > /dev/null 2>&1 || { echo "skipped: no llvm-cov (Debian: llvm)"; exit 77; }
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *d,
    unsigned long n) { return d && n > (1ul << 40); }' > "$work/probe.c"
clang -fsanitize=fuzzer,address,undefined -o "$work/probe" "$work/probe.c" > "$work/log" 2>&1 ||
    { echo "skipped: clang has no libFuzzer (Debian: libclang-rt-dev)"; exit 77; }
{ [ -e "$build/build.ninja" ] || "${CMAKE:-cmake}" --preset fuzz -B "$build" "-DTUFF_SHADERS_OF=${build%/*}"; } > "$work/log" 2>&1 &&
    "${CMAKE:-cmake}" --build "$build" --target tuff_fuzzers > "$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
export LLVM_PROFILE_FILE=/dev/null # the targets count their lines (cmake/fuzz.cmake)
"$build/bin/fuzz-seeds" "$work/seeds"

# Lines of the sources in the profile, as "SOURCE LINES-RUN LINES", then those not run, a source a line.
list_lines() { # TARGET SOURCES LEFT-OUT
    llvm-profdata merge -sparse -o "$work/profdata" "$work"/profraw-*
    llvm-cov export -format=lcov "$build/bin/fuzz-$1" -instr-profile="$work/profdata" | awk -v sources="$2" -v left_out="^($3)\$" '
        BEGIN { count = split(sources, source, ",") }
        /^SF:/ {
            functions = 0
            file = ""
            for (i = 1; i <= count; i++) if (substr($0, length($0) - length(source[i])) == "/" source[i]) file = source[i]
        }
        file && /^FN:/ {
            split(substr($0, 4), part, ",")
            first[++functions] = part[1]
            name[functions] = part[2]
            sub(/.*:/, "", name[functions])
        }
        file && /^DA:/ {
            split(substr($0, 4), part, ",")
            in_function = 0
            for (i = 1; i <= functions; i++)
                if (first[i] <= part[1] + 0 && (!in_function || first[i] > first[in_function] + 0)) in_function = i
            if (name[in_function] ~ left_out) next
            lines++
            if (part[2] + 0) run++
            else missing[file] = missing[file] " " part[1]
        }
        END {
            printf "%d of %d lines, %.1f %%\n", run, lines, lines ? 100 * run / lines : 0
            for (i = 1; i <= count; i++) if (missing[source[i]]) print "    " source[i] ":" missing[source[i]]
        }'
}

failures=0
run_reader() { # READER TARGET LONGEST SOURCES LEFT-OUT
    reader=$1 target=$2 longest=$3 sources=$4 left_out=$5 status=0 begun=$(date +%s)
    rm -f "$work"/profraw-*
    [ ! -d "$work/seeds/$target" ] || [ -d "$work/seeds/$reader" ] || cp -r "$work/seeds/$target" "$work/seeds/$reader"
    corpus=${TUFF_FUZZ_CORPUS:-$work/corpus}/$reader
    mkdir -p "$corpus" "$work/seeds/$reader"
    LLVM_PROFILE_FILE=/dev/null
    [ -z "$coverage" ] || LLVM_PROFILE_FILE=$work/profraw-%p
    # A small file that asks for much memory or time is a finding as well.
    set -- "$build/bin/fuzz-$target" -timeout=5 -malloc_limit_mb=256 -rss_limit_mb=2048 -artifact_prefix="$build/$reader-"
    for file in tests/data/fuzz/"$reader"/*; do
        [ ! -e "$file" ] || "$@" "$file" > "$work/log" 2>&1 || { status=1; echo "$file:"; tail -n 30 "$work/log"; }
    done
    "$@" -runs="${TUFF_FUZZ_RUNS:-10000}" -seed=1 -max_len="$longest" -print_final_stats=1 "$corpus" "$work/seeds/$reader" \
        > "$work/log" 2>&1 || { status=1; grep -A30 -E 'ERROR|runtime error|does not hold' "$work/log" | head -n 50; }
    [ $status -eq 0 ] || { failures=$((failures + 1)); echo "FAILED: $reader, fuzz-$target (its input: $build/$reader-*)"; }
    printf '%s: %s rounds in %s s, %s a second, %s places reached' "$reader" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")" $(($(date +%s) - begun)) \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$work/log")" "$(grep -o 'cov: [0-9]*' "$work/log" | tail -n 1 | cut -d' ' -f2)"
    if [ -n "$coverage" ] && [ "$sources" != - ] && [ $status -eq 0 ]; then
        printf ', '
        list_lines "$target" "$sources" "$left_out"
    else
        echo
    fi
}

wanted=" $* "
while read -r reader target longest sources left_out; do
    [ -n "$reader" ] && [ -e "$build/bin/fuzz-$target" ] || continue
    case $wanted in '  ' | *" $reader "*) run_reader "$reader" "$target" "$longest" "$sources" "$left_out" ;; esac
done << EOF
$readers
EOF
[ $failures -eq 0 ]
