#!/bin/sh
# run_training.sh PROGRAM [WRAPPER...] - trains a small network on 1,440 pictures with the tuff-train of build/release and with
# another system's, run by WRAPPER: losses and accuracies agree. Drivers round differently, so that the last digits may not.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
program=$1; shift
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || { echo "skipped: $data is not there (Debian: dataset-fashion-mnist)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# cut IN OUT HEADER BYTES: an IDX file of the first samples; HEADER in printf's octal
cut() {
    printf '%b' "$3" > "$work/data/$2"
    gzip -dc "$data/$1.gz" | tail -c +$(($(wc -c < "$work/data/$2") + 1)) | head -c "$4" >> "$work/data/$2"
}
mkdir "$work/data"
cut train-images-idx3-ubyte train-images-idx3-ubyte '\0000\0000\0010\0003\0000\0000\0006\0100\0000\0000\0000\0034\0000\0000\0000\0034' $((1600 * 784))
cut train-labels-idx1-ubyte train-labels-idx1-ubyte '\0000\0000\0010\0001\0000\0000\0006\0100' 1600
cut t10k-images-idx3-ubyte t10k-images-idx3-ubyte '\0000\0000\0010\0003\0000\0000\0001\0364\0000\0000\0000\0034\0000\0000\0000\0034' $((500 * 784))
cut t10k-labels-idx1-ubyte t10k-labels-idx1-ubyte '\0000\0000\0010\0001\0000\0000\0001\0364' 500

# train NAME COMMAND...: the epoch's and the test's line
train() {
    name=$1; shift
    status=0
    TUFF_CACHE_DIR=$work/cache-$name timeout 3000 "$@" --data "$work/data" --epochs 1 --out "$work/$name" > "$work/log" 2>&1 \
        < /dev/null || status=$?
    if [ $status -ne 0 ]; then tail -n 20 "$work/log"; echo "$*: status $status"; exit 1; fi
    tr -d '\r' < "$work/log" | sed -n 's/^epoch .*  loss \(.*\)   [0-9:]*  best so far$/\1/p; s/^test *\(.*\):.*/\1/p' > "$work/$name.txt"
    [ "$(wc -l < "$work/$name.txt")" -eq 2 ] || { cat "$work/log"; echo "no result"; exit 1; }
    sed "s/^/$name: /" "$work/$name.txt"
}
train here build/release/bin/tuff-train
train there "$@" "$program"
if cmp -s "$work/here.txt" "$work/there.txt"; then echo "the same to the last digit shown"; exit 0; fi
# Numbers of both files, pairwise: accuracies in percent (above 5) within 3, losses within a twentieth.
paste -d ' ' "$work/here.txt" "$work/there.txt" | awk '{
    count = 0
    for (i = 1; i <= NF; i++) if ($i ~ /^[0-9.]+,?$/) number[count++] = $i + 0
    for (i = 0; i < count / 2; i++) {
        a = number[i]; b = number[i + count / 2]; apart = a > b ? a - b : b - a
        if (apart > (a > 5 ? 3 : a / 20)) { print a " there is " b; bad = 1 }
    }
    if (count % 2) bad = 1
} END { exit bad }' || { echo "losses or accuracies differ"; exit 1; }
echo "losses within a twentieth, accuracies within 3 points"
