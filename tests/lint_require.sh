#!/bin/sh
# lint_require.sh - TUFF_REQUIRE asks for pointers and struct_size alone, joined by &&: its sentence follows from them (backend/base.c,
# tuff_fail_contract). Whatever else a caller must keep to has a sentence of its own, TUFF_REQUIRE_THAT.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname "$0")/..}"
command -v python3 > /dev/null 2>&1 || { echo "skipped: python3 is not installed"; exit 77; }
python3 - <<'CHECK'
import glob, re, sys

POINTER = re.compile(r"^[A-Za-z_]\w*(?:(?:->|\.)\w+)*(?: != NULL)?$")
USE = re.compile(r"TUFF_REQUIRE\(([^,]*),([^,]*),(.*?)\);", re.S)
failures = uses = 0
for path in sorted(p for top in ("backend", "graph", "loaders", "samples/data") for p in glob.glob(top + "/**/*.c", recursive=True)):
    text = open(path, encoding="utf-8").read()
    for use in USE.finditer(text):
        uses += 1
        terms = " ".join(use.group(3).split()).split(" && ")
        if all("struct_size" in t or POINTER.match(t) for t in terms):
            continue
        print(f"{path}:{text.count(chr(10), 0, use.start()) + 1}: TUFF_REQUIRE_THAT with a sentence: {' && '.join(terms)}")
        failures += 1
print(f"{uses} uses")
sys.exit(failures > 0 or uses < 50)
CHECK
