#!/bin/sh
# onnx_peers.sh - models of one ONNX operator each, drawn at the operators' edges, give what ONNX Runtime or onnx's reference gives
# (tests/onnx/peers.py). Needs a python3 with both (tests/run_onnx.sh), else it is skipped. Arguments are those of peers.py: onnx_peers.sh --count 3000 --seed 5000 --only Resize
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=${TUFF_BUILD_DIR:-build/release}/bin/tuff-onnx
[ -x "$program" ] || { echo "skipped: built without ONNX"; exit 77; }
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=$(sh tests/run_onnx.sh) || { echo "skipped: no python3 with onnx and onnxruntime: sh tests/run_onnx.sh make"; exit 77; }
"$python" -W ignore::RuntimeWarning tests/onnx/peers.py "$program" "$@" > "${TMPDIR:-/tmp}/onnx_peers.$$" 2> /dev/null && status=0 || status=$?
grep -A3 -E '^(WRONG|not covered)' "${TMPDIR:-/tmp}/onnx_peers.$$" || true
tail -n 1 "${TMPDIR:-/tmp}/onnx_peers.$$"
rm -f "${TMPDIR:-/tmp}/onnx_peers.$$"
exit $status
