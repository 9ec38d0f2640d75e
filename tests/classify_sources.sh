#!/bin/sh
# classify_sources.sh - where tuff-classify takes pictures from: files, a folder, standard input, frames in a pipe give the same answers, in batches of
# any size, with and without threads; what is wrong with them; metadata of models that Tuff wrote as ONNX; sheets; times.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
name=tuff-classify needs=mnist-cnn
. tests/run_program.sh
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
"$program" --version | grep -q PNG || { echo "skipped: this build reads no PNG"; exit 77; }
# Seven frames of 40 x 30, as PNG files and as one stream; labelled folders of them.
python3 - "$work" <<'MAKE'
import os, struct, sys, zlib
work = sys.argv[1]
os.makedirs(work + "/pictures"), os.makedirs(work + "/empty")
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, w, h, rgb):
    rows = b"".join(b"\0" + rgb[3 * w * y:3 * w * (y + 1)] for y in range(h))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
stream = b""
for n in range(7):
    frame = bytes((x * (n + 3) + y * (2 * n + 1) * (1 + c)) % 256 if (x - 20) ** 2 + (y - 15) ** 2 < 30 * (n + 1) else 20 * c for y in range(30) for x in range(40) for c in range(3))
    png("%s/pictures/%d.png" % (work, n), 40, 30, frame)
    stream += frame
    os.makedirs("%s/labelled/%d" % (work, n), exist_ok=True)
    png("%s/labelled/%d/a.png" % (work, n), 40, 30, frame)
open(work + "/stream", "wb").write(stream)
open(work + "/pictures/notes.txt", "w").write("no picture")
MAKE
mnist="--model $shared/models/mnist-cnn/model.onnx --preset bytes"
frames="--frames 40x30"

# Files, the folder, standard input: the same answers.
# shellcheck disable=SC2086
{
    "$program" $mnist --top 10 "$work"/pictures/*.png > "$work/files" 2> "$work/error"
    grep -q '^7 pictures, .* a second$' "$work/error" || fail "seven files: $(cat "$work/error")"
    "$program" $mnist --top 10 "$work/pictures" > "$work/folder" 2> /dev/null
    "$program" $mnist --top 10 --threads 3 "$work/pictures/" > "$work/threads" 2> /dev/null
    "$program" $mnist --top 10 --threads 0 "$work/pictures" > "$work/alone" 2> /dev/null
    for other in folder threads alone; do
        cmp -s "$work/files" "$work/$other" || fail "$other: other answers than the files"
    done
    "$program" $mnist --top 10 - < "$work/pictures/3.png" > "$work/stdin"
    "$program" $mnist --top 10 "$work/pictures/3.png" > "$work/third"
    [ "$(tail -n +2 "$work/stdin")" = "$(tail -n +2 "$work/third")" ] || fail "standard input: other answers than the file"
    # Frames: a line each, the same numbers; one of three; JSON.
    "$program" $mnist $frames --top 10 - < "$work/stream" > "$work/frames" 2> /dev/null
    "$program" $mnist $frames --top 10 --every 3 - < "$work/stream" > "$work/every" 2> /dev/null
    "$program" $mnist $frames --json - - < "$work/stream" > "$work/frames.json" 2> /dev/null
    "$program" $mnist --json "$work/files.json" "$work/pictures" --times > /dev/null 2> "$work/times"
    for stage in decode prepare first device rest all; do grep -q "^$stage " "$work/times" || fail "no $stage in: $(cat "$work/times")"; done
    # The first line is there before the second frame is.
    { head -c 3600 "$work/stream"; for i in 1 2 3 4 5 6 7 8 9 10; do [ -s "$work/early" ] || sleep 1; done; [ -s "$work/early" ] || echo late > "$work/late"; } |
        "$program" $mnist $frames - > "$work/early" 2> /dev/null
    [ ! -e "$work/late" ] || fail "a frame's line waits for the next frame"
}
python3 - "$work" <<'CHECK' || fail "frames and files differ"
import json, sys
work = sys.argv[1]
def answers(path):
    out = []
    for line in open(path):
        if line.startswith("  "): out[-1].append((line.split("%")[1].strip(), float(line.split("%")[0])))
        else: out.append([])
    return out
files = answers(work + "/files")
lines = open(work + "/frames").read().splitlines()
assert len(files) == len(lines) == 7, (len(files), len(lines))
for n, line in enumerate(lines):
    words = line.split()
    assert words[:2] == ["frame", str(n)], words
    got = [(words[i + 2], float(words[i])) for i in range(2, len(words), 3)]
    assert got == files[n], (n, got, files[n])
assert [l.split()[1] for l in open(work + "/every")] == ["0", "3", "6"]
frames, pictures = json.load(open(work + "/frames.json")), json.load(open(work + "/files.json"))
assert [f["frame"] for f in frames] == list(range(7))
assert [f["classes"][0] for f in frames] == [p["classes"][0] for p in pictures] and len(pictures[0]["classes"]) == 3
CHECK
# shellcheck disable=SC2086
{
    head -c 8000 "$work/stream" > "$work/short"
    code=0; "$program" $mnist $frames - < "$work/short" > "$work/output" 2> "$work/error" || code=$?
    [ $code -eq 1 ] && grep -q 'ends within frame 2, behind 800 of the 3600 bytes of 40 x 30 RGB' "$work/error" && [ "$(wc -l < "$work/output")" -eq 2 ] ||
        fail "a frame that is cut off: status $code, $(cat "$work/output" "$work/error")"
    code=0; "$program" $mnist $frames - < /dev/null > "$work/output" 2>&1 || code=$?
    [ $code -eq 1 ] && grep -q 'holds no frame' "$work/output" || fail "no frame: status $code, $(cat "$work/output")"
    code=0; "$program" $mnist - < /dev/null > "$work/output" 2>&1 || code=$?
    [ $code -eq 1 ] && grep -q 'standard input: it is empty' "$work/output" || fail "an empty standard input: status $code, $(cat "$work/output")"
    ends 1 "holds no pictures" $mnist "$work/empty"
    ends 0 "1 of 8 pictures could not be answered" $mnist --skip-damaged "$work/pictures" none.png
    ends 2 "no preset \"no\": imagenet, unit" --model x.onnx --preset no x.png
    ends 2 "no pictures are named" $mnist
    ends 2 "as 640x360" $mnist --frames 640 -
    ends 2 "as 640x360" $mnist --frames 640x0 -
    ends 2 "as 640x360" $mnist --frames 640x360y -
    ends 2 "from standard input alone" $mnist $frames x.png
    ends 2 "from standard input alone" $mnist $frames - x.png
    ends 2 "--every goes with --frames" $mnist --every 2 x.png
    for every in 0 -1 2.5 no; do ends 2 "--every is a whole number from 1" $mnist --frames 640x360 --every $every -; done
    ends 2 "--frames does not go with --data" $mnist $frames --data x
    ends 2 "one picture" $mnist - -
    ends 2 "--batch is a whole number" $mnist --batch 0 x.png
    ends 2 "--threads is a whole number" $mnist --threads 17 x.png
    ends 2 "are for ONNX models" --model x.tuff --preset unit x.png
    ends 2 "--count and --first" $mnist --count 3 x.png
    ends 1 "takes 1 at once" $mnist --batch 2 "$work/pictures"
    ends 1 "No such file" $mnist --sheet "$work/none/sheet.png" "$work/pictures"
    ends 0 "%" $mnist --sheet "$work/sheet.png" "$work/pictures"
    [ "$(head -c 4 "$work/sheet.png" | tail -c 3)" = PNG ] || fail "the sheet is no PNG"
    # Labelled folders: scores, a sheet, and both through --labels.
    ends 0 "7 pictures of" $mnist --data "$work/labelled"
    ends 0 "of 3 pictures named correctly" $mnist --data "$work/labelled" --sheet "$work/sheet.png" --count 3
    ends 1 "so many" $mnist --data "$work/labelled" --out "$work/sheet.png" --count 3 --first 5
}
# Any number of pictures at once: batches of three, of which the last is not full, answer as each alone does.
any="--model $shared/models/ppocr-v2-cls/model.onnx --preset signed --side 64"
if [ -d "$shared/models/ppocr-v2-cls" ]; then
    # shellcheck disable=SC2086
    for batch in 1 3 4 7; do
        "$program" $any --batch $batch --json "$work/batch$batch" "$work/pictures" > /dev/null 2>&1 || fail "a batch of $batch: failed"
    done
    python3 - "$work" <<'CHECK' || fail "batches answer otherwise than single pictures"
import json, sys
one = json.load(open(sys.argv[1] + "/batch1"))
for batch in 3, 4, 7:
    for a, b in zip(one, json.load(open("%s/batch%d" % (sys.argv[1], batch))), strict=True):
        for x, y in zip(a["classes"], b["classes"], strict=True):
            assert x["name"] == y["name"] and abs(x["probability"] - y["probability"]) < 1e-5, (batch, a, b)
CHECK
fi
# A model of four pictures, no more and no fewer: mean red, green and blue.
python3 - "$work" <<'MAKE'
import sys
def varint(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
def part(field, data): return varint(field * 8 + 2) + varint(len(data)) + data
def whole(field, n): return varint(field * 8) + varint(n)
def value(name, *dims): return part(1, name) + part(2, part(1, whole(1, 1) + part(2, b"".join(part(1, whole(1, d) if d else part(2, b"side")) for d in dims))))
def node(op, x, y, *more): return part(1, part(1, x) + b"".join(part(1, m) for m in more) + part(2, y) + part(4, op))
for n in 1, 4:
    graph = node(b"GlobalAveragePool", b"x", b"m") + node(b"Flatten", b"m", b"y") + part(2, b"g") + part(11, value(b"x", n, 3, 8, 8)) + part(12, value(b"y", n, 3))
    open("%s/fixed%d.onnx" % (sys.argv[1], n), "wb").write(whole(1, 8) + part(8, whole(2, 17)) + part(7, graph))
graph = node(b"Flatten", b"x", b"m") + node(b"MatMul", b"m", b"y", b"w") + part(2, b"g") + part(11, value(b"x", 1, 3, 0, 0)) + part(12, value(b"y", 1, 3))
graph += part(5, whole(1, 192) + whole(1, 3) + whole(2, 1) + part(8, b"w") + part(9, bytes(4 * 192 * 3)))
open(sys.argv[1] + "/eight.onnx", "wb").write(whole(1, 8) + part(8, whole(2, 17)) + part(7, graph))
MAKE
"$program" --model "$work/fixed4.onnx" --preset unit --threads 2 "$work/pictures" > "$work/four" 2> "$work/error" || fail "four at once: $(cat "$work/error")"
"$program" --model "$work/fixed1.onnx" --preset unit "$work/pictures" > "$work/one" 2> /dev/null || fail "one at once: failed"
cmp -s "$work/four" "$work/one" || fail "four at once answer otherwise: $(diff "$work/four" "$work/one" | head -n 4)"
[ "$(wc -l < "$work/four")" -eq 28 ] || fail "four at once: $(wc -l < "$work/four") lines"
ends 1 "takes 4 at once" --model "$work/fixed4.onnx" --batch 2 "$work/pictures"
# A model that takes 8 x 8 alone fails at its first frame, and does not wait for a second one.
mkfifo "$work/pipe"
{ head -c 3600 "$work/stream"; exec sleep 60; } > "$work/pipe" &
writer=$!
began=$(date +%s)
# shellcheck disable=SC2086
ends 1 "MatMul" --model "$work/eight.onnx" --preset unit --side 16 $frames - < "$work/pipe"
[ $(($(date +%s) - began)) -lt 50 ] || fail "after a failure it waits for another frame"
kill $writer 2> /dev/null || :
# A model of Tuff's own, and the same written as ONNX: its metadata say all.
if [ -x "$build/bin/tuff-train" ]; then
    mkdir "$work/train"
    for class in cat dog; do
        mkdir "$work/train/$class"
        for n in 0 1 2 3 4 5 6; do cp "$work/pictures/$n.png" "$work/train/$class/$n.png"; done
    done
    "$build/bin/tuff-train" --data "$work/train" --size 12 --arch mlp --epochs 1 --out "$work/own" > "$work/output" 2>&1 || fail "training: $(tail -n 3 "$work/output")"
    "$build/bin/tuff-onnx" --write "$work/own/model.tuff" "$work/own.onnx" > /dev/null
    "$program" --model "$work/own/model.tuff" --json "$work/own.json" "$work/pictures" > /dev/null 2>&1
    "$program" --model "$work/own.onnx" --json "$work/onnx.json" "$work/pictures" > /dev/null 2>&1
    python3 - "$work" <<'CHECK' || fail "a model written as ONNX answers otherwise"
import json, sys
own, onnx = json.load(open(sys.argv[1] + "/own.json")), json.load(open(sys.argv[1] + "/onnx.json"))
assert len(own) == len(onnx) == 7
for a, b in zip(own, onnx):
    assert {c["name"] for c in a["classes"]} == {"cat", "dog"}
    for x in a["classes"]: assert any(y["name"] == x["name"] and abs(x["probability"] - y["probability"]) < 1e-4 for y in b["classes"]), (a, b)
CHECK
fi
[ $failures -eq 0 ] && echo "pictures from everywhere are answered alike"
[ $failures -eq 0 ]
