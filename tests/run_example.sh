#!/bin/sh
# run_example.sh PROGRAM - runs an example of docs/examples on few samples; 77 where its data or a device are missing.
set -u
data=/usr/share/datasets/fashion-mnist
case $1 in
*classifier | *classifier.exe)
    [ -d $data ] || { echo "skipped: $data is not there (Debian: dataset-fashion-mnist)"; exit 77; }
    set -- "$1" $data 3200 ;;
*trainer | *trainer.exe) set -- "$1" "$(mktemp)" ;; # what it saves, and removes
*saving | *saving.exe) set -- "$1" "$(mktemp)" "$(mktemp)" ;;
*weights | *weights.exe) set -- "$1" "${TUFF_SOURCE_DIR:-.}/tests/data/weights/mixed.pth" ;;
*onnx | *onnx.exe) # y = -x of any n rows of two
    model=$(mktemp)
    trap 'rm -f "$model"' EXIT
    printf '\010\010\072\061\012\013\012\001x\022\001y\042\003Neg\022\001gZ\024\012\001x\022\017\012\015\010\001\022\011\012\003\022\001n\012\002\010\002b\011' > "$model"
    printf '\012\001y\022\004\012\002\010\001B\004\012\000\020\021' >> "$model"
    set -- "$1" "$model" 3 ;;
esac
out=$(${TUFF_EMULATOR:-} "$@" 2>&1)
status=$?
echo "$out"
case $out in
*TUFF_ZLIB* | *TUFF_ZIP* | *nanopb*) echo "skipped: this build lacks something that the example needs"; exit 77 ;;
*"need a shader compiler"*) echo "skipped: no shader compiler at run time"; exit 77 ;;
*TUFF_ERR_NO_DEVICE*) echo "skipped: no Vulkan device"; exit 77 ;;
esac
exit $status
