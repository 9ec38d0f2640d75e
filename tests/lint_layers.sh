#!/bin/sh
# lint_layers.sh - who may include whom (style 1.2), from the #include lines of every source file.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"

find backend graph loaders samples shaders -type f \( -name '*.[ch]' -o -name '*.comp' -o -name '*.glsl' -o -name '*.def' \) |
    sort | xargs awk '
function bad(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, what, why; errors++ }
BEGIN {
    # C11 alone; what belongs to the operating system stands in backend/os_*.c
    split("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic " \
          "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype", names, " ")
    for (i in names) standard[names[i] ".h"] = 1
}
FNR == 1 { folder = FILENAME; sub(/\/.*/, "", folder); own = FILENAME; sub(/[^\/]*$/, "", own); if (own == "samples/data/") folder = "samples/data" }
/^[ \t]*#[ \t]*include/ {
    what = $0; sub(/^[ \t]*#[ \t]*include[ \t]*/, "", what); sub(/[ \t]*(\/[*\/].*)?$/, "", what)
    quoted = substr(what, 1, 1) == "\""
    path = what; gsub(/["<>]/, "", path)

    if (folder == "shaders") {
        rows = path == "kernels.def" || path ~ /^\.\.\/graph\/(dtypes|ops\/(pointwise|pw_helpers))\.def$/ # text that C and GLSL share (style 3.1)
        if (!quoted || (path !~ /^include\/[a-z0-9_]+\.glsl$/ && !rows)) bad("shaders include include/*.glsl alone")
        next
    }
    if (folder == "samples") {
        if (FILENAME ~ /^samples\/bench\/probe[a-z_]*\.[ch]$/ && path ~ /^(backend\/[a-z_]+\.h|probes\/[a-z]+\.inc)$/) next # measures peaks
        if (quoted && path ~ /\//) bad("samples include <tuff/...> and files of their own folder")
        next
    }
    if (!quoted) {
        if (path in standard) next
        if (folder == "backend" && path ~ /^(vulkan\/|volk\.[ch]$)/) next
        if (FILENAME == "backend/glslang.c" && path ~ /^glslang\//) next
        if (FILENAME ~ /^backend\/os_[a-z]+\.c$/) next
        if (folder == "loaders" && path ~ /^(pb_decode|pb_encode|cjson\/cJSON)\.h$/) next
        if (folder == "samples/data" && path ~ /^(png|jpeglib|jerror|webp\/decode|gif_lib|stb\/stb_image|tiffio|openjpeg|zip|zlib)\.h$/) next
        bad("not for " folder "/")
        next
    }
    if (folder == "backend" && (path ~ /^backend\// || path ~ /^shaders\/kernels\.(h|def)$/ || path ~ /^shaders\/.*\.inc$/)) next
    if (folder == "graph") {
        if (path ~ /^graph\// || path == "shaders/kernels.h") next
        if (path ~ /^backend\/(base|caps|core|kernels|lookup|os|parallel|plan)\.h$/) next
        if (path == "backend/executable.h" && FILENAME ~ /(^graph\/train\/|\/(session|selftest)\.c$)/) next
        if (path == "backend/handover.h" && FILENAME ~ /\/(session|selftest|check|tune|diagnose)\.c$/) next
    }
    if (folder == "loaders") {
        if (path ~ /^loaders\// || path ~ /^graph\/(graph|dtype)\.h$/) next
        if (path ~ /^backend\/(base|container|core|executable|lookup|os)\.h$/) next
        if (own FILENAME ~ /\/onnx[a-z_]*\.[ch]$/ && path ~ /^graph\/(compose|op|reference|ops\/(leaf|pointwise|scan|view))\.h$/) next # builds graphs
    }
    # libtuff_data: no sample, but a library beside libtuff; what it calls of libtuff it holds copies of (cmake/libraries.cmake)
    if (folder == "samples/data" && path ~ /^(samples\/data\/[a-z_]+|loaders\/(loaders|preprocess|source|tensors)|backend\/(core|lookup|os))\.h$/) next
    if (quoted && path !~ /\//) { bad("write it from the root: \"" own path "\""); next }
    bad("not for " folder "/ (docs/style.md, section 1.2)")
}
END { if (errors) { print errors " includes break the layers"; exit 1 } }'
