#!/bin/sh
# doxygen_filter.sh FILE - prints a public header with its plain comments turned into Doxygen's: one above a declaration
# documents it, one behind documents what stands before, the first one the file. Section lines ("/* ---- views") stay plain.
# Where operators.h includes the pointwise rows, their prototypes are written out, with the row's formula.
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
exec awk -v rows="$root/graph/ops/pointwise.def" '
# Text of a comment: what Doxygen would take for a command, a tag or a link is escaped; indented lines keep their line.
function escape(text) {
    gsub(/\\/, "\\\\", text); gsub(/@/, "\\@", text); gsub(/#/, "\\#", text); gsub(/%/, "\\%", text)
    gsub(/</, "\\<", text); gsub(/>/, "\\>", text); gsub(/&/, "\\\\&", text); gsub(/"/, "\\\"", text)
    return text
}
function body(text) {
    if (text ~ /^[ ]*\*?   +[^ ]/) return "<br>" escape(text)
    return escape(text)
}
function pointwise(   line, kind, name, onnx, formula, number, character, depth, i, count, parts) {
    while ((getline line < rows) > 0) {
        if (line !~ /^TUFF_PW[12][PBI]?\(/) continue
        kind = line; sub(/\(.*/, "", kind)
        sub(/^[^(]*\(/, "", line)
        count = 1; parts[1] = parts[2] = parts[3] = ""; depth = 0
        for (i = 1; i <= length(line); i++) {
            character = substr(line, i, 1)
            if (character == "(") depth++
            if (character == ")") depth--
            if (character == "," && depth == 0) { count++; parts[count] = ""; continue }
            if (depth >= 0) parts[count] = parts[count] character
        }
        name = parts[1]; onnx = parts[2]; formula = parts[3]
        gsub(/[ "]/, "", onnx); sub(/^ +/, "", formula); gsub(/pw_/, "", formula)
        printf "/** y = %s, element by element.%s */ TUFF_API tuff_val tuff_%s(struct tuff_graph *g, tuff_val a%s); ", escape(formula),
            onnx == "" ? "" : " ONNX " onnx ".", name, kind ~ /P$/ ? ", double p0, double p1" : kind ~ /2/ ? ", tuff_val b" : ""
    }
    close(rows)
    print ""
}
inside { # a comment of several lines
    if ($0 ~ /\*\//) inside = 0
    if (plain) { print; next }
    rest = ""; text = $0
    if (!inside) { at = index(text, "*/"); rest = substr(text, at); text = substr(text, 1, at - 1) }
    print body(text) rest
    next
}
/^#include "graph\/ops\/pointwise.def"/ { pointwise(); next }
/^#(define TUFF_PW|undef TUFF_PW)/ { print ""; next }
/^[ \t]*#/ && !/^#define TUFF_[A-Z_]+(\(|[ ]+[^ ])/ { print; next }
{
    at = index($0, "/*")
    if (!at) { print; next }
    before = substr($0, 1, at - 1); text = substr($0, at + 2)
    plain = text ~ /^ ----/
    behind = before ~ /[^ \t]/
    end = index(text, "*/")
    inside = !end
    rest = ""
    if (end) { rest = substr(text, end); text = substr(text, 1, end - 1) }
    if (plain) { print; next }
    open = behind ? "/**<" : "/**"
    if (FNR == 1) {
        file = text; sub(/^ +/, "", file); sub(/ .*/, "", file); sub(/^[^-]*- /, "", text)
        print "/** @file " file " @brief " escape(text) rest
        next
    }
    print before open escape(text) rest
}' "$1"
