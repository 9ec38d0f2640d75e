#!/bin/sh
# train_numpy.sh - tuff-train on .npz files that numpy wrote: names as of Keras, pictures with channels last, and what such a file must hold.
set -eu
here=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
case ${TUFF_CROSS:-} in TRUE | ON | 1) echo "SKIP: the programs are of another system"; exit 77 ;; esac
[ -x "$here/bin/tuff-train" ] || { echo "SKIP: built without samples"; exit 77; }
python=
for candidate in /usr/bin/python3 python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import numpy' 2> /dev/null || python=$candidate
done
[ -n "$python" ] || { echo "SKIP: numpy is not installed (Debian: python3-numpy)"; exit 77; }
! grep -q TUFF_HAVE_ "$here/build.ninja" 2> /dev/null || grep -q TUFF_HAVE_ZIP=1 "$here/build.ninja" ||
    { echo "SKIP: built without libzip"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" - "$work" << 'END'
import sys
import numpy as np
rng, folder = np.random.default_rng(0), sys.argv[1]
y = rng.integers(0, 3, 400)
x = rng.integers(0, 80, (400, 12, 12), "u1")
for i in range(400):
    x[i, 4 * y[i]:4 * y[i] + 4] += 150
np.savez(f"{folder}/keras.npz", x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:].reshape(-1, 1))
np.savez_compressed(f"{folder}/colour.npz", images=np.stack([x] * 3, -1), labels=y)
np.savez(f"{folder}/other.npz", pictures=x, labels=y)
np.savez(f"{folder}/half.npz", x=x)
np.savez(f"{folder}/far.npz", x=x[:9], y=y[:9], x_test=x[:2], y_test=np.array([0, 7]))
np.savez(f"{folder}/floats.npz", x=x / 255, y=y)
END
train() {
    name=$1
    shift
    "$here/bin/tuff-train" --data "$work/$name.npz" --arch mlp --epochs 3 --out "$work/$name" > "$work/log" 2>&1 || true
    for wanted in "$@"; do
        grep -q -- "$wanted" "$work/log" || { echo "$name.npz: no \"$wanted\" in"; cat "$work/log"; exit 1; }
    done
}
train keras '3 classes, 12 x 12 grey' '270 pictures to train on, 30 to validate, 100 to test' 'test  *accuracy \(100\|9[5-9]\)'
train colour '3 classes, 12 x 12 colour' '360 pictures to train on, 40 to validate, 0 to test' 'files '
train other 'holds no pictures called x_train, train_images, images or x'
train half 'holds x, but no y'
train far 'the label 7 of picture 1 in "y_test" is not one of 3 classes'
train floats 'the pictures "x" are F64 of rank 3'
