#!/bin/sh
# lint_text.sh - what no file may hold: trailing blanks, carriage returns, a missing newline at the end, tabs in C, a TODO
# without its issue ("TODO #12"), absolute paths of somebody's machine; shaders: counts of workgroups; C: a choice by an operator's
# name or, outside graph/ops, by its address.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
list=$(mktemp)
trap 'rm -f "$list" "$list.found" "$list.errors" "$list.product"' EXIT
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard
else # a release tarball
    find . -type f ! -path './build*' | sed 's|^\./||'
fi | grep -Ev '^LICENSE$|^tests/data/|\.(png|jpg|jpeg|onnx|safetensors|gguf|npy|npz|bin|gz|spv)$' |
    while read -r file; do [ ! -f "$file" ] || echo "$file"; done > "$list"
# report WHAT: the lines on standard input are offences
report() {
    cat > "$list.found"
    if [ -s "$list.found" ]; then echo "$1:"; head -n 20 "$list.found" | sed 's/^/    /'; echo 1 > "$list.errors"; fi
}
every() { xargs -d '\n' grep -InE "$@" < "$list" || true; }

every '[ 	]+$' | report "blanks at the end of a line"
every "$(printf '\r')" | report "carriage returns"
grep -E '\.(c|h|def|comp|glsl|cmake|in|md|sh)$|CMakeLists' "$list" | xargs -d '\n' grep -In "$(printf '\t')" | grep -v '^tests/lint_text.sh' |
    report "tabs" || true
every '(^|[^A-Za-z_-])(TODO|FIXME|XXX)([^A-Za-z_-]|$)' | grep -vE '(TODO|FIXME) #[0-9]+|lint_text\.sh|docs/style\.md' | report "TODO without its issue's number"
every '(^|[^a-zA-Z0-9_.$}])/(work|home|root|Users)/[a-zA-Z0-9_]' | grep -v '^tests/lint_text\.sh:' | report "paths of one machine"
grep '^shaders/' "$list" | grep -v '^shaders/include/kernel\.glsl$' | xargs -d '\n' grep -In gl_NumWorkGroups |
    report "a count of workgroups, which is another one in a part of a launch (backend/cuts.h)" || true
grep -E '^(graph|backend|loaders|samples)/.*\.(c|h)$' "$list" > "$list.product" || true
{
    grep -v '^loaders/onnx_write' "$list.product" | xargs -r -d '\n' grep -InE 'strn?cmp\((.*[^a-zA-Z_])?op(->|\.)name' || true
    grep -Ev '^graph/ops/|^loaders/onnx_write' "$list.product" | xargs -r -d '\n' grep -InE '[!=]= *&tuff_op_' || true
} | report "chosen by an operator's name or address: ask its descriptor (graph/op.h)"
while read -r file; do
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file" | tr -d '\n\0')" ]; then echo "$file"; fi
done < "$list" | report "no newline at the end of the file"
[ ! -e "$list.errors" ]
