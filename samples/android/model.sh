#!/bin/sh
# model.sh OUT.tuff - the model that the app brings along (app/src/main/assets/model.tuff): efficientnet-lite0 with ImageNet's names, its features for Teach, and
# kernels for phones, made by tuff-pack from the ONNX file and the labels in $MODEL (a folder with model.onnx and labels.json); where there is none,
# the quickstart's classifier of clothes, by which Teach is not to be had.
#
# TUFF_BUILD_DIR: a build of Tuff with a compiler. MODEL: else $TUFF_MODELS/efficientnet-lite0.
set -eu
out=${1:-}
[ -n "$out" ] || { echo "model.sh: the file to make is missing: model.sh OUT.tuff" >&2; exit 2; }
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
build=${TUFF_BUILD_DIR:-$here/../../build/release}
model=${MODEL:-${TUFF_MODELS:-/nowhere}/efficientnet-lite0}
if [ -e "$model/model.onnx" ]; then
    "$build/bin/tuff-pack" "$model/model.onnx" -o "$out" --preset lite --labels "$model/labels.json" --teach 2-5 --camera
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$build/bin/tuff-train" --quick --data /usr/share/datasets/fashion-mnist --out "$folder/out"
    "$build/bin/tuff-pack" "$folder/out/model.tuff" -o "$out" --camera
fi
ls -l "$out"
