#!/bin/sh
# quickstart.sh - from a fresh checkout to a trained classifier and a picture of what it sees.
#
#   samples/quickstart.sh [--quick]
#
# Installs what is missing (Debian, Ubuntu), builds into build/release, trains a small convolutional network on Fashion-MNIST
# on the best Vulkan device of this machine, and classifies 20 test pictures. A second run only does what is not done yet.
#   --quick   one short epoch, for the impatient
#   --help    this text
# TUFF_DEVICE chooses the device: an index, a UUID or part of a name, as bin/tuff-info lists them.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
. cmake/packages.sh
quick=
for argument in "$@"; do
    case $argument in
    --quick) quick=--quick ;;
    --help | -h) sed -n '2,/^set -eu/s/^#\( \|$\)//p' "$0"; exit 0 ;;
    *) echo "quickstart.sh: unknown option $argument (--help shows what there is)" >&2; exit 2 ;;
    esac
done

started=$(date +%s)
step_started=$started
step() { # step WHAT: says what comes, with the seconds so far
    step_started=$(date +%s)
    printf '[%3d s] %s\n' $((step_started - started)) "$*"
}

data=/usr/share/datasets/fashion-mnist
bin=build/release/bin
out=build/release/quickstart

step "packages"
# shellcheck disable=SC2086
need_packages $tuff_packages dataset-fashion-mnist
if [ ! -e $data/train-images-idx3-ubyte.gz ] && [ ! -e $data/train-images-idx3-ubyte ]; then
    echo "Fashion-MNIST is not at $data. Its four files are at https://github.com/zalandoresearch/fashion-mnist" >&2
    exit 1
fi

step "configure and build into build/release"
mkdir -p build/release
log=build/release/quickstart-build.log
run_logged() { "$@" > $log 2>&1 || { tail -n 40 $log >&2; echo "Failed: $* (all of it: $log)" >&2; exit 1; }; }
[ -e build/release/build.ninja ] || run_logged cmake --preset release
run_logged cmake --build --preset release --target tuff-info tuff-train tuff-classify

step "train"
mkdir -p $out
$bin/tuff-train --data $data --arch cnn --out $out --json $out/result.json --force $quick

step "classify 20 test pictures"
$bin/tuff-classify --model $out/model.tuff --data $data --count 20 --out $out/classified.png

curves=$out/curves.png
[ -e $curves ] || curves=$out/curves.svg
step "done"
cat <<END
In $root:

    result     $out/result.json
    report     $out/report.html
    curves     $curves
    pictures   $out/classified.png
    model      $out/model.tuff

Your own picture:  $bin/tuff-classify --model $out/model.tuff PICTURE.png
Your own classes:  $bin/tuff-train --data FOLDER_OF_CLASS_FOLDERS
Devices:           $bin/tuff-info
END
