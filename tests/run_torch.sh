#!/bin/sh
# run_torch.sh - a python3 with PyTorch, for bench_torch.sh, torch_*.sh and torch/samples.py.
#   run_torch.sh make    makes the pinned environment (some GB) with pip, once: in $TORCH_FOLDER, else in the user's cache
#   run_torch.sh         prints the program: $PYTHON, that environment's, or a python3 that has torch (Debian: python3-torch); 1: there is none
set -eu
pinned="torch==2.7.1 numpy==2.2.6"
folder=${TORCH_FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/tuff/torch}

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
for name in ${PYTHON:-} "$folder/bin/python3" python3 /usr/bin/python3; do
    if "$name" -c 'import torch' 2> /dev/null; then echo "$name"; exit 0; fi
done
exit 1
