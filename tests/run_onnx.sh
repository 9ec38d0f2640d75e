#!/bin/sh
# run_onnx.sh - a python3 with the ONNX project's checker and ONNX Runtime, for onnx_runtime.sh and onnx_peers.sh.
#   run_onnx.sh make    makes the pinned environment with pip, once: in $ONNX_FOLDER, else in the user's cache
#   run_onnx.sh         prints the program: $PYTHON, that environment's, or a python3 that has both; 1: there is none
set -eu
pinned="onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6"
folder=${ONNX_FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/tuff/onnx}

if [ "${1:-}" = make ]; then
    if [ "$(cat "$folder/pinned" 2> /dev/null)" != "$pinned" ]; then
        python3 -m venv --clear "$folder"
        # shellcheck disable=SC2086
        "$folder/bin/pip" install --quiet --no-cache-dir $pinned
        echo "$pinned" > "$folder/pinned"
    fi
    echo "$folder/bin/python3"
    exit 0
fi
for name in ${PYTHON:-} "$folder/bin/python3" python3; do
    if "$name" -c 'import onnx, onnxruntime' 2> /dev/null; then echo "$name"; exit 0; fi
done
exit 1
