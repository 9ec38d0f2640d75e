#!/bin/sh
# onnx_peers.sh - models of one ONNX operator each, drawn at the operators' edges, give what ONNX Runtime or onnx's reference gives
# (tests/onnx/peers.py). Needs a python3 with both ($PYTHON, or what `onnx_peers.sh make` makes with pip, once, in the user's cache),
# else it is skipped. Arguments are those of peers.py: onnx_peers.sh --count 3000 --seed 5000 --only Resize
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
pinned="onnx==1.23.2 onnxruntime==1.32.0 numpy"
folder=${XDG_CACHE_HOME:-$HOME/.cache}/tuff/onnx
if [ "${1:-}" = make ]; then
    python3 -m venv --clear "$folder"
    # shellcheck disable=SC2086
    "$folder/bin/pip" install --quiet --no-cache-dir $pinned
    exit 0
fi
program=${TUFF_BUILD_DIR:-build/release}/bin/tuff-onnx
[ -x "$program" ] || { echo "skipped: built without ONNX"; exit 77; }
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=
for name in ${PYTHON:-} "$folder/bin/python3" python3 /usr/bin/python3; do
    if "$name" -c 'import onnx.reference, onnxruntime' 2> /dev/null; then python=$name; break; fi
done
[ -n "$python" ] || { echo "skipped: no python3 with onnx and onnxruntime: sh tests/onnx_peers.sh make"; exit 77; }
"$python" -W ignore::RuntimeWarning tests/onnx/peers.py "$program" "$@" > "${TMPDIR:-/tmp}/onnx_peers.$$" 2> /dev/null && status=0 || status=$?
grep -A3 -E '^(WRONG|not covered)' "${TMPDIR:-/tmp}/onnx_peers.$$" || true
tail -n 1 "${TMPDIR:-/tmp}/onnx_peers.$$"
rm -f "${TMPDIR:-/tmp}/onnx_peers.$$"
exit $status
