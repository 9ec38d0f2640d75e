#!/bin/sh
# metrics_sklearn.sh - scores of random answers are scikit-learn's, their gaps between groups Fairlearn's (tests/sklearn/metrics.py). Needs a python3
# with both ($PYTHON, or what `metrics_sklearn.sh make` makes with pip, once, in the user's cache), else it is skipped.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
pinned="scikit-learn==1.9.1 fairlearn==0.15.0"
folder=${XDG_CACHE_HOME:-$HOME/.cache}/tuff/sklearn
if [ "${1:-}" = make ]; then
    python3 -m venv --clear "$folder"
    # shellcheck disable=SC2086
    "$folder/bin/pip" install --quiet --no-cache-dir $pinned
    exit 0
fi
[ "${TUFF_CROSS:-}" != TRUE ] || { echo "skipped: a build for another system"; exit 77; }
python=
for name in ${PYTHON:-} "$folder/bin/python3" python3 /usr/bin/python3; do
    if "$name" -c 'import sklearn, fairlearn' 2> /dev/null; then python=$name; break; fi
done
[ -n "$python" ] || { echo "skipped: no python3 with scikit-learn and fairlearn: sh tests/metrics_sklearn.sh make"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${TUFF_BUILD_DIR:-build/release}/tests/graph_metrics" --print > "$work/scores"
OMP_NUM_THREADS=1 "$python" -W ignore::UserWarning tests/sklearn/metrics.py "$work/scores"
