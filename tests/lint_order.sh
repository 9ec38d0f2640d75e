#!/bin/sh
# lint_order.sh - no argument list holds two calls that add to a graph, or that give a launch numbers: compilers evaluate arguments in different
# orders, and the numbers of values and kernels' texts, with them plans and their hashes, would follow.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname "$0")/..}"
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
python3 - <<'CHECK'
import glob, re, sys

# graph or builder first: it may add values; what gives a launch numbers and names
ADDS = re.compile(r"\b[a-z]\w+\((?:g|b|graph|\w+->g|\w+->graph|\w+\.g),|\btuff_(?:emit_(?:number|quotient|rest|value|name|base|bind)|index_(?:add|text|variable)|coords_flat|coords_of_flat)\(")
NOT = {"zoo_next", "zoo_classes", "tuff_type_of", "tuff_value_of", "tuff_on", "tuff_onnx_op_operand"}  # these do not
BUILDS = re.compile(r"\btuff_val\s+(\w+)\(\s*(?:const )?struct tuff_onnx_op \*")  # as do these, of a node of ONNX


def arguments(text, at):
    depth, begin, found = 0, at, []
    while at < len(text):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            if depth == 0:
                return found + [text[begin:at]]
            depth -= 1
        elif text[at] == "," and depth == 0:
            found.append(text[begin:at])
            begin = at + 1
        at += 1
    return found


def adds(argument):
    called = {call.group(0).split("(")[0] for call in ADDS.finditer(argument)} | builds.intersection(re.findall(r"\b(\w+)\(", argument))
    return not called <= NOT


STRINGS = re.compile(r'"(?:[^"\\\n]|\\.)*"')  # parentheses in them are none
texts = {p: STRINGS.sub('""', open(p, encoding="utf-8").read()) for top in ("graph", "samples", "loaders") for p in sorted(glob.glob(top + "/**/*.[ch]", recursive=True))}
shared = {name for path, text in texts.items() if path.endswith(".h") for name in BUILDS.findall(text)}
failures = calls = 0
for path, text in texts.items():
    if path.endswith(".h"):
        continue
    builds = shared.union(BUILDS.findall(text))
    for call in re.finditer(r"\b[a-z]\w+\(", text):
        calls += 1
        if sum(map(adds, arguments(text, call.end()))) > 1:
            print(f"{path}:{text.count(chr(10), 0, call.start()) + 1}: two of its arguments add to a graph or number something: {call.group(0)}..)")
            failures += 1
print(f"{calls} calls")
sys.exit(failures != 0 or calls < 1000)
CHECK
