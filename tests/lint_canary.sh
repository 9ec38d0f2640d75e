#!/bin/sh
# lint_canary.sh - the other lints fail where they must (style 11.6a): each is run over a small tree with one offence.
set -eu
if [ "${TUFF_CROSS:-}" = TRUE ]; then echo "SKIP: reads the objects of this system"; exit 77; fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
errors=0

# fresh: an innocent tree in which every lint passes
fresh() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/backend" "$work/tree/graph" "$work/tree/loaders" "$work/tree/samples/a" "$work/tree/samples/bench" "$work/tree/samples/data" "$work/tree/shaders" "$work/tree/tests"
    printf '#include "backend/base.h"\nint one(void)\n{\n    return 1;\n}\n' > "$work/tree/backend/one.c"
}
# expect WANTED LINT WHAT: WANTED is pass or fail
expect() {
    got=pass
    TUFF_SOURCE_DIR=$work/tree sh "$here/lint_$2.sh" > "$work/out" 2>&1 || got=fail
    if [ "$got" != "$1" ]; then echo "lint_$2.sh: $3: expected $1, got $got"; cat "$work/out"; errors=$((errors + 1)); fi
}
lines() { awk -v n="$1" -v text="$2" 'BEGIN { for (i = 0; i < n; i++) print text }'; }

fresh
for lint in layers size text; do expect pass $lint "a clean tree"; done

plant() { # plant FILE INCLUDE: one forbidden #include
    fresh; printf '#include %s\n' "$2" > "$work/tree/$1"; expect fail layers "$1 includes $2"
}
plant graph/a.c '<vulkan/vulkan.h>'
plant graph/a.c '"backend/backend.h"'
plant graph/graph.h '"backend/backend.h"'
plant graph/a.c '"backend/executable.h"'
plant graph/a.c '<unistd.h>'
plant backend/a.c '"graph/graph.h"'
plant backend/a.c '<glslang/Include/glslang_c_interface.h>'
plant backend/a.c '"base.h"'
plant loaders/a.c '"backend/plan.h"'
plant loaders/a.c '"samples/data/data.h"'
plant loaders/a.c '<png.h>'
plant samples/a/a.c '"backend/core.h"'
plant samples/a/a.c '"samples/data/data.h"'
plant samples/data/a.c '"graph/graph.h"'
plant samples/data/a.c '"backend/backend.h"'
plant samples/data/a.c '<unistd.h>'
plant samples/bench/works.c '"backend/core.h"'
plant shaders/a.comp '"../backend/core.h"'
fresh; printf '#include "backend/executable.h"\n' > "$work/tree/graph/session.c"; expect pass layers "session.c includes executable.h"
fresh; printf '#include "backend/core.h"\n#include <png.h>\n' > "$work/tree/samples/data/a.c"; expect pass layers "samples/data/a.c includes core.h and png.h"

fresh; { printf 'int f(void)\n{\n'; lines 118 '    f();'; printf '}\n'; } > "$work/tree/graph/f.c"; expect fail size "a function of 121 lines"
fresh; { printf 'int f(void) {\n'; lines 119 '    f();'; printf '}\n'; } > "$work/tree/graph/f.c"; expect fail size "a function of 121 lines, brace behind"
fresh; { printf 'int f(void)\n{\n'; lines 117 '    f();'; printf '}\n'; } > "$work/tree/graph/f.c"; expect pass size "a function of 120 lines"
fresh; lines 1001 '/* */' > "$work/tree/graph/f.c"; expect fail size "a file of 1001 lines"
fresh; { printf 'const int t[] = {\n'; lines 2000 '    1,'; printf '};\n'; } > "$work/tree/graph/f.c"; expect pass size "a table of 2000 lines"

fresh; printf 'int a; \n' > "$work/tree/graph/f.c"; expect fail text "a blank at the end of a line"
fresh; printf 'int a;\r\n' > "$work/tree/graph/f.c"; expect fail text "a carriage return"
fresh; printf '\tint a;\n' > "$work/tree/graph/f.c"; expect fail text "a tab"
fresh; printf 'int a;' > "$work/tree/graph/f.c"; expect fail text "no newline at the end"
fresh; printf '/* TO%s: all */\n' DO > "$work/tree/graph/f.c"; expect fail text "a to-do without its issue"
fresh; printf '/* TO%s #12: all */\n' DO > "$work/tree/graph/f.c"; expect pass text "a to-do with its issue"
fresh; printf 'see /ho%s/me/x\n' me > "$work/tree/graph/f.c"; expect fail text "a path of one machine"
choose() { # choose WANTED FILE CONDITION
    fresh; mkdir -p "$work/tree/graph/ops"; printf 'int a = %s;\n' "$3" > "$work/tree/$2"; expect "$1" text "$2: $3"
}
choose fail graph/f.c '!strcmp(value->op->name, "relu")'
choose fail graph/ops/f.c 'strcmp("relu", op->name) == 0'
choose fail loaders/f.c 'v->op == &tuff_op_relu'
choose fail backend/f.c 'op!=&tuff_op_relu'
choose pass graph/ops/f.c 'op == &tuff_op_relu'
choose pass graph/f.c 'add(g, &tuff_op_relu, op->name)'

# lint_state.sh looks at objects
if command -v objdump >/dev/null 2>&1; then
    cc=${CC:-cc}
    for text in 'int a;' 'int a = 3;' 'int *f(void); int *f(void) { static int a; return &a; }' 'const int a = 3; const char *const b = "b";'; do
        rm -rf "$work/build"; mkdir -p "$work/build/CMakeFiles/t_obj.dir"; : > "$work/build/CMakeCache.txt"
        printf '%s\n' "$text" > "$work/t.c"
        "$cc" -fPIC -c "$work/t.c" -o "$work/build/CMakeFiles/t_obj.dir/t.c.o"
        got=pass; TUFF_BUILD_DIR=$work/build sh "$here/lint_state.sh" > "$work/out" 2>&1 || got=fail
        wanted=fail; case $text in const*) wanted=pass ;; esac
        if [ $got != $wanted ]; then echo "lint_state.sh: '$text': expected $wanted, got $got"; cat "$work/out"; errors=$((errors + 1)); fi
    done
fi

# lint_libc.sh too
if command -v nm >/dev/null 2>&1; then
    for call in 'qsort_r((void *)0, 0, 0, (void *)0, (void *)0)' 'getpid()' 'strchrnul("", 0)' 'strlen("")'; do
        rm -rf "$work/build"; mkdir -p "$work/build/CMakeFiles/t_obj.dir"; : > "$work/build/CMakeCache.txt"
        printf 'int %s();\nint f(void) { return (int)%s; }\n' "${call%%(*}" "$call" > "$work/t.c"
        "${CC:-cc}" -fPIC -fno-builtin -w -c "$work/t.c" -o "$work/build/CMakeFiles/t_obj.dir/t.c.o"
        got=pass; TUFF_BUILD_DIR=$work/build sh "$here/lint_libc.sh" > "$work/out" 2>&1 || got=fail
        wanted=fail; case $call in strlen*) wanted=pass ;; esac
        if [ $got != $wanted ]; then echo "lint_libc.sh: $call: expected $wanted, got $got"; cat "$work/out"; errors=$((errors + 1)); fi
    done
fi
[ $errors -eq 0 ]
