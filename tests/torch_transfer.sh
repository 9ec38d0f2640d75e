#!/bin/sh
# torch_transfer.sh - the first ten losses of samples/transfer are those of PyTorch from the same weights, pictures and order
# (tests/torch/transfer.py).
#   torch_transfer.sh [SHAPE...]    small without any; resnet50 takes minutes. Needs python3 with torch
# (tests/run_torch.sh) and what draws pictures, else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_torch.sh) || { echo "skipped: no python3 with torch: sh tests/run_torch.sh make"; exit 77; }
bin=${TUFF_BUILD_DIR:-build/release}/bin
if [ ! -x "$bin/sample-transfer" ] || [ ! -x "$bin/sample-loop" ]; then echo "skipped: built without samples"; exit 77; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { "$@" > "$work/output" 2>&1 || { tail -n 5 "$work/output"; exit 1; }; }
if ! "$bin/sample-transfer" --make-data "$work/glyphs" --size 48 --letters 4 --trained 20 --tested 4 --out "$work" > "$work/output" 2>&1; then
    if grep -q 'families of fonts with\|has no cairo' "$work/output"; then echo "skipped: no fonts to draw with"; exit 77; fi
    tail -n 5 "$work/output"; exit 1
fi
run "$bin/sample-loop" --from "$work/glyphs" --size 48 --out "$work"
# A backbone's batch norms need some thirty steps until their statistics are those of pictures; without, its features are so large that the
# first steps of Adam, which go by signs alone, leave no two programs together.
for shape in ${*:-small}; do
    epochs=2
    [ "$shape" = small ] || epochs=10
    set -- --shape "$shape" --size 32 --stored 48 --seed 3 --out "$work"
    run "$bin/sample-transfer" "$@" --pretrain "$work/glyphs/other" --epochs $epochs
    run "$bin/sample-transfer" "$@" --data "$work/glyphs" --backbone "$work/backbone.tuff" --epochs 0 --unfrozen 0 --losses 10 # writes how it begins
    OMP_NUM_THREADS=1 "$python" tests/torch/transfer.py "$shape" "$work/model.tuff" "$work/train_data.npy" "$work/train_labels.npy" "$work/output" 32 32 3
done
