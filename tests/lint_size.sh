#!/bin/sh
# lint_size.sh - files of at most 1000 lines, functions of at most 120 (style 2.2). Tables (initializers at file scope)
# are not counted.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"

find backend graph loaders samples shaders tests -type f \( -name '*.[ch]' -o -name '*.comp' -o -name '*.glsl' -o -name '*.sh' \) |
    sort | xargs awk -v max_file=1000 -v max_function=120 '
function close_file() {
    if (file != "" && lines > max_file) { printf "%s: %d lines, tables left out (at most %d)\n", file, lines, max_file; errors++ }
}
FNR == 1 { close_file(); file = FILENAME; lines = 0; table = 0; start = 0; head = "" }
table { if ($0 ~ /^}/) table = 0; next }
{ lines++ }
FILENAME ~ /\.sh$/ { next }
start {
    if ($0 ~ /^}/) {
        if (FNR - start + 1 > max_function) {
            printf "%s:%d: %d lines (at most %d): %s\n", FILENAME, start, FNR - start + 1, max_function, head; errors++
        }
        start = 0
    }
    next
}
/\\$/ { next }
/^[A-Za-z_].*=[ \t]*(\{|\\)?$/ { if ($0 ~ /\{$/) { table = 1; lines--; next } }
/^[A-Za-z_].*\(/ && !/;[ \t]*$/ { head = $0; first = FNR }
/^\{/ { start = first; if (!start) start = FNR }
/\)[ \t]*\{[ \t]*$/ && !/=/ && !/\(struct [a-z0-9_]*\)\{/ { start = first ? first : FNR }
END { close_file(); if (errors) exit 1 }'
