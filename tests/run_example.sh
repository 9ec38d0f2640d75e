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
esac
out=$(${TUFF_EMULATOR:-} "$@" 2>&1)
status=$?
echo "$out"
case $out in
*TUFF_ZLIB*) echo "skipped: this build lacks something that the example needs"; exit 77 ;;
*"need a shader compiler"*) echo "skipped: no shader compiler at run time"; exit 77 ;;
*TUFF_ERR_NO_DEVICE*) echo "skipped: no Vulkan device"; exit 77 ;;
esac
exit $status
