#!/bin/sh
# bench_torch.sh - PyTorch's nets beside tuff-bench are the same nets: table, parameters, known values (python3 with torch, else
# skipped); device.sh says what it can do and what is missing.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
script=samples/bench/device.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

sh -n $script
sh $script --help | grep -q -- '--minutes N' || fail "$script --help"
for use in --nonsense '--minutes none' '--stages sleep' '--out'; do
    # shellcheck disable=SC2086
    if sh $script $use > "$work/out" 2>&1; then fail "$script took '$use'"; elif [ $? -ne 2 ]; then fail "'$use' ended otherwise"; fi
done
mkdir "$work/empty"
if PYTHON=false sh $script --out "$work/results" --bin "$work/empty" > "$work/out" 2>&1; then fail "$script is content with nothing"; fi
grep -q 'MISSING: PyTorch' "$work/out" || fail "$script does not say that PyTorch is missing"
grep -q 'MISSING: there is no program' "$work/out" || fail "$script does not say that tuff-bench is missing"

python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
export OMP_NUM_THREADS=1

# The table, and what the modules really have, against samples/nets/table.c
"$python" - <<'END' || fail "the nets are not those of samples/nets/table.c"
import re, sys
sys.path.insert(0, "tests/torch")
sys.dont_write_bytecode = True
from pytorch_nets import NETS, count_multiply_adds, counted

source = open("samples/nets/table.c").read().split("const struct zoo_net zoo_nets[] = {")[1]
rows = {}
for text in re.split(r"\{\s*\.name = ", source)[1:]:
    def field(name, default=0):
        found = re.search(r"\." + name + r" = (\{[^}]*\}|[^,}\n]*)", text)
        return found.group(1) if found else default
    numbers = [int(n) for n in re.findall(r"\d+", field("parameters"))]
    rows[text.split('"')[1]] = (numbers + [0])[:2], int(field("multiply_adds")), int(field("train_batch")), int(field("classes")), \
        [float(v) for v in re.findall(r"[-\d.]+", field("expected", "{}"))], float(field("peer_gain"))
bad = 0
mine = {n["name"]: (list(n["parameters"]), n["multiply_adds"], n["train_batch"], n["classes"], list(n["expected"]), float(n["gain"]))
        for n in NETS}
for name in sorted(set(rows) | set(mine)):
    if rows.get(name) != mine.get(name):
        print(name, "expected", rows.get(name), "got", mine.get(name))
        bad += 1
for net in NETS:
    if net["multiply_adds"] > 10e9:
        continue  # half a GB
    got = [counted(net["build"](training)) if net["parameters"][training] else 0 for training in (False, True)]
    if got != list(net["parameters"]):
        print(net["name"], "parameters, expected", net["parameters"], "got", got)
        bad += 1
    if net["multiply_adds"] < 0.8e9 and count_multiply_adds(net) != net["multiply_adds"]:
        print(net["name"], "has other multiply-adds:", count_multiply_adds(net))
        bad += 1
sys.exit(bad > 0 or len(rows) < 15)
END

"$python" tests/torch/pytorch.py --device cpu --check --nets mlp,cnn28 || fail "other values than the peers'"
"$python" tests/torch/pytorch.py --device cpu --nets mlp --columns eager-f32,eager-f16 --seconds 0.05 --runs 3 --json "$work/torch.json" ||
    fail "no figures"
"$python" tests/torch/pytorch.py --table "$work/torch.json" | grep -Eq '^\| mlp/train/b128 \| – \| ~?[0-9.]+ \|' || fail "no table"
echo "PyTorch's nets are those of tuff-bench"
