#!/bin/sh
# run_sample.sh NAME - a sample from its README's command, at a tiny size: it learns, writes what the README lists, says what is wrong.
# The sizes, and what the last figures have to be, stand in the table below.
set -eu
name=$1
root=${TUFF_SOURCE_DIR:?} build=${TUFF_BUILD_DIR:?}
program=$build/bin/sample-$name
[ -x "$program" ] || { echo "SKIP: built without samples"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # drivers' own, as in train_program
fail() { echo "FAIL: $*"; tail -n 20 "$work/output" 2>/dev/null || true; exit 1; }

# small: arguments that make it small (before: and those of samples that it begins with); figures: a line each of "text < number" or
# "text > number", the number behind that text in the output
before=
case $name in
unet) small='--epochs 40 --count 64 --tested 16 --size 24 --width 8' figures='of ground > 0.75
mean IoU > 0.27' ;;
tabular) small='--epochs 6 --rows 600' figures='R2 > 0.7
area  *loss + > 0.05' ;;
series) small='--days 40 --epochs 8 --past 24 --units 24 --batch 32' figures='absolute error > 0
result > 0.1
result < 0.95' ;;
chargpt) small='--steps 120 --every 60 --batch 8 --tokens 24 --width 32 --layers 1 --written 20'
    longer='--steps 1000000' figures='validation < 3.2' ;;
autoencoder) small='--epochs 25 --count 64' figures='A again: off by > 0.005
A again: off by < 0.09' ;;
transfer) small='--letters 8 --trained 10 --tested 4 --size 32 --epochs 8 --unfrozen 1 --batch 16'
    longer='--unfrozen 10000' figures='features > 127
loss < 2.25
frozen   accuracy > -1
random   accuracy > 0
through the frozen part, > 0' ;;
loop) before='--letters 3 --trained 6 --tested 4 --size 32 --epochs 1 --batch 16' small='--size 32 --epochs 12 --batch 16'
    figures='loss < 2.3
gradients > 0
clipped to < 1.001' ;;
*) echo "no sizes are known of sample $name"; exit 1 ;;
esac

# All of README's commands without a FILE or FOLDER of one's own, one after the other; those of other samples make what this one takes.
sed -n 's/^    \(build\/release\/bin\/sample-.*\)/\1/p' "$root/samples/$name/README.md" | sed 's/  *#.*//' | grep -v '[A-Z][A-Z][A-Z]' > "$work/commands"
[ -s "$work/commands" ] || fail "README.md has no command"
cd "$work"
mkdir build
: > output
while read -r line; do
    other=${line#build/release/bin/sample-}
    [ -x "$build/bin/sample-${other%% *}" ] || { echo "SKIP: built without sample-${other%% *}"; exit 77; }
    more=$small
    case $other in
    "$name "*) command="\"\$program\" ${other#* }" ;;
    *) more=$before ;;
    esac
    "$build/bin/sample-${other%% *}" ${other#* } $more >> output 2>&1 && continue
    if grep -q 'families of fonts with\|has no cairo' output; then tail -n 1 output; echo "SKIP: no fonts to draw with"; exit 77; fi
    fail "$line $more"
done < commands
out=$(printf %s "$command" | sed -n 's/.*--out \([^ ]*\).*/\1/p')

printf '%s\n' "$figures" | while read -r line; do
    text=${line% [<>]*} bound=${line##* } relation=${line% *}
    relation=${relation##* }
    got=$(sed -n "s/.*$text *\([-0-9.e]*\).*/\1/p" output | tail -n 1)
    [ -n "$got" ] || fail "no figure of \"$text\""
    awk -v a="$got" -v b="$bound" -v r="$relation" 'BEGIN { exit !(r == "<" ? a < b : a > b) }' || fail "$line, got $got"
done

# what the README's table lists is there; pictures alone need cairo
sed -n 's/^| \(`.*`\) | .*/\1/p' "$root/samples/$name/README.md" | tr ',' '\n' | sed 's/[` ]//g' | while read -r file; do
    case $file in
    .*) file=$stem$file ;;
    esac
    stem=${file%.*}
    case $file in
    *.png) if [ ! -e "$out/curves.png" ]; then continue; fi ;;
    esac
    [ -s "$out/$file" ] || fail "$out/$file is missing"
done
for file in "$out"/*.svg "$out"/*.csv; do
    [ ! -e "$file" ] || ! grep -qiE '[,"]-?(nan|inf)' "$file" || fail "$file holds what is no number"
done

# --help, what is refused, a folder that cannot be
"$program" --help > help || fail "--help"
grep -q -- '--out TEXT' help || fail "--help does not list the options"
code=0
"$program" --no-such-option > output 2>&1 || code=$?
[ $code -eq 2 ] && grep -q 'no-such-option' output || fail "an unknown option gives $code"
: > file
code=0
"$program" --out file > output 2>&1 || code=$?
[ $code -eq 1 ] && grep -q '^sample-.*file' output || fail "a file for --out gives $code"

# tabular: the other target, and damaged files
refused() { # refused SENTENCE ARGUMENTS...: a program that says so ends with 1
    sentence=$1
    shift
    code=0
    "$program" "$@" > output 2>&1 || code=$?
    [ $code -eq 1 ] && grep -q "$sentence" output || fail "$*: expected \"$sentence\""
}
if [ "$name" = tabular ]; then
    "$program" --out classes --rows 600 --epochs 8 --target sale --leave-out price,door > output 2>&1 || fail "--target sale"
    awk '/accuracy/ { exit !($3 > 0.6) }' output || fail "accuracy of --target sale"
    ! grep -q 'column *door' output || fail "--leave-out"
    made=$out/houses.csv
    sed '5s/[a-z]*$//' "$made" > missing.csv
    "$program" --out classes --epochs 1 --target sale missing.csv > output 2>&1 || fail "--target sale, of which one is missing"
    grep -q '480 to train with, 119 to validate' output || fail "a row without an answer is learned from"
    head -n 40 "$made" | sed '7s/$/,7/' > long.csv
    head -n 40 "$made" | sed '5s/,"/,x"/' > quote.csv
    { head -n 30 "$made"; printf '1,2,"open'; } > open.csv
    { head -n 30 "$made"; printf '1,2,\0003\n'; } > zero.csv
    head -n 9 "$made" > few.csv
    awk -F, 'BEGIN { print "id,y" } { print "t" NR "," NR }' "$made" > ids.csv
    : > empty.csv
    refused 'line 7 has 11 fields, the header 10' --out o long.csv
    refused 'line 5: a quote' --out o quote.csv
    refused 'a quote where none can be, or one that is missing' --out o open.csv
    refused 'zero byte' --out o zero.csv
    refused '8 rows: too few' --out o few.csv
    refused 'more than 64 different texts' --out o --target y ids.csv
    refused 'empty.csv is empty' --out o empty.csv
    refused 'there is no column "prise"; there are area, rooms' --out o --target prise "$made"
    refused 'No such file' --out o none.csv
fi
if [ "$name" = series ]; then
    printf 'hour,load\n0,1.5\n1,many\n' > word.csv
    printf 'load\n1\n2\n3\n' > few.csv
    refused 'line 3 ends in "many", which is no number' --out o word.csv
    refused '3 values are too few' --out o few.csv
    awk 'BEGIN { printf "load\n%04090d,12345678\n", 0 }' > long.csv
    refused 'line 2 is longer than 4094 bytes' --out o long.csv
    refused '.--ahead is at most' --out o --ahead 48
fi
if [ "$name" = loop ]; then
    refused 'is no array \[n, 3, height, width\]' --out o --data build/loop/train_labels.npy --labels build/loop/train_labels.npy
    refused 'is no array \[60\]' --out o --data build/loop/train_data.npy --labels build/loop/test_labels.npy
    refused 'train_data.npy: No such file' --out o
fi
if [ "$name" = transfer ]; then
    refused 'backbone.tuff: tensor "conv1.weight" is F32 .16, 3, 3, 3., the parameter "conv1.weight" F32 .64, 3, 7, 7.' --out o --data build/glyphs --size 32 --shape resnet50 --backbone build/transfer/backbone.tuff
    refused '.--data names a folder' --out o
    refused '.--shape is resnet50' --out o --data build/glyphs --shape vgg
fi
if [ "$name" = chargpt ]; then
    echo 'A short text.' > short.txt
    refused 'a text of 14 characters is too short' --out o short.txt
    refused '.--heads 5 do not divide' --out o --heads 5
fi

# Ctrl-C: a sentence, the status of the signal, nothing half written. The background's shell empties `output` late: an older one is not waited on
: > output
eval "exec $command $small ${longer:---epochs 10000} --out stopped" > output 2>&1 &
pid=$!
for _ in $(seq 1 600); do ! grep -q '^device' output || break; sleep 0.1; done
kill -INT $pid
code=0
wait $pid || code=$?
[ $code -eq 130 ] && grep -q 'stopped' output || fail "after SIGINT the status is $code"
[ -z "$(find stopped -name '*.tmp*' -o -name '*.part*')" ] || fail "half a file is left"
echo "sample-$name: good"
