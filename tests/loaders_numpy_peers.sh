#!/bin/sh
# loaders_numpy_peers.sh - arrays that numpy wrote, and h5py where it is there, are read and written by Tuff, and numpy reads the same from that.
set -eu
here=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
case ${TUFF_CROSS:-} in TRUE | ON | 1) echo "SKIP: the programs are of another system"; exit 77 ;; esac
python=
for candidate in /usr/bin/python3 python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import numpy' 2> /dev/null || python=$candidate
done
[ -n "$python" ] || { echo "SKIP: numpy is not installed (Debian: python3-numpy)"; exit 77; }
zip=1
! grep -q TUFF_HAVE_ "$here/build.ninja" 2> /dev/null || grep -q TUFF_HAVE_ZIP=1 "$here/build.ninja" || zip=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/make.py" << 'END'
import sys, os, io, warnings
import numpy as np
warnings.simplefilter("ignore") # versions 2 and 3 are news to numpy
folder, check, zip = sys.argv[1], sys.argv[2] == "check", sys.argv[3] == "1"
rng = np.random.default_rng(1)
arrays = {}
for name in "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split():
    for order in "<>":
        a = rng.integers(0, 256, (3, 4, 5 * np.dtype(name).itemsize), np.uint8)
        a = (a > 99) if name == "?" else a.view(order + name)
        key = name.replace("?", "b1") + ("b" if order == ">" else "")
        arrays[key] = a
        arrays[key + "f"] = np.asfortranarray(a)
arrays["scalar"], arrays["empty"], arrays["wide"] = np.float32(2.5), np.zeros((0, 3), "f4"), np.asfortranarray(rng.random((2,) * 8))
if not check:
    for name, a in arrays.items():
        with open(f"{folder}/{name}.npy", "wb") as file:
            np.lib.format.write_array(file, np.asanyarray(a), version=(1 + len(name) % 3, 0))
    np.savez(f"{folder}/all.npz", **arrays)
    np.savez_compressed(f"{folder}/small.npz", texts=np.array(["a", "b"]), **arrays)
    try:
        import h5py
        with h5py.File(f"{folder}/all.h5", "w") as file:
            for name, a in arrays.items(): file[name] = np.asanyarray(a)
    except ImportError: pass
    sys.exit(0)
archives = {part: np.load(f"{folder}/{part}/arrays.npz") for part in ("all", "small") if zip}
def same(path, wanted, got):
    wanted = np.asarray(wanted)
    if got.dtype != wanted.dtype.newbyteorder("<") or got.shape != wanted.shape or got.tobytes() != wanted.astype(got.dtype).tobytes():
        sys.exit(f"{path}: {got.dtype} {got.shape}, expected {wanted.dtype} {wanted.shape}, or other elements")
for name, a in arrays.items():
    for part in (("npy", "all", "small") if zip else ("npy",)) + (("h5",) if os.path.exists(f"{folder}/all.h5") else ()):
        same(f"{folder}/{part}/{name}.npy", a, np.load(f"{folder}/{part}/{name}.npy"))
        if part in archives: same(f"{folder}/{part}/arrays.npz: {name}", a, archives[part][name])
print(f"{len(arrays)} arrays are the same, {'from HDF5 too' if os.path.exists(folder + '/all.h5') else 'numpy alone'}")
END
"$python" "$work/make.py" "$work" make $zip
mkdir "$work/npy" "$work/all" "$work/small"
for file in "$work"/*.npy; do "$here/tests/loaders_numpy" "$file" "$work/npy"; done
if [ -e "$work/all.h5" ]; then
    mkdir "$work/h5"
    "$here/tests/loaders_numpy" "$work/all.h5" "$work/h5"
else
    echo "without HDF5: h5py is not installed (Debian: python3-h5py)"
fi
if [ $zip = 1 ]; then
    "$here/tests/loaders_numpy" "$work/all.npz" "$work/all"
    "$here/tests/loaders_numpy" "$work/small.npz" "$work/small" | grep -q "^texts.npy: .*'<U1'" ||
        { echo "FAIL: the array of texts is not named as left out"; exit 1; }
fi
"$python" "$work/make.py" "$work" check $zip
