#!/bin/sh
# lint_variables.sh - docs/debugging.md has one table of all environment variables TUFF_*: each that code or a script reads has its row there, and
# each row is one that something reads.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
list=$(mktemp)
trap 'rm -f "$list" "$list.rows"' EXIT
{
    grep -rhoE 'getenv\("TUFF_[A-Z_]+' backend graph loaders samples tests docs/examples
    grep -hoE 'tuff_options, [a-z_]+\), "TUFF_[A-Z_]+' backend/base.c
    grep -rhoE '\$\{?TUFF_[A-Z_]+' tests samples --include='*.sh'
    grep -rhE 'environ' tests samples --include='*.py' | grep -oE '"TUFF_[A-Z_]+' || true
} | grep -oE 'TUFF_[A-Z_]+' | sort -u > "$list"
grep -E '^\| `TUFF_' docs/debugging.md | cut -d'|' -f2 | grep -oE 'TUFF_[A-Z_]+' | sort > "$list.rows"
[ -s "$list" ] && [ -s "$list.rows" ] || { echo "no variables found"; exit 1; }
missing=$(comm -23 "$list" "$list.rows") old=$(comm -13 "$list" "$list.rows")
[ -z "$missing" ] || echo "read, but not in the table of docs/debugging.md:" $missing
[ -z "$old" ] || echo "in the table of docs/debugging.md, but nothing reads it (or twice there):" $old
[ -z "$missing$old" ]
