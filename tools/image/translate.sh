#!/bin/bash
# translate.sh DIR [MAP]: DIR/guest.wasm becomes C in DIR/c, with linear memory at MEMBASE and the
# functions in the files that MAP names (segments.py spread).
set -euo pipefail
. "$(dirname "$0")/common.sh"
out=$1

rm -rf "$out/c"
mkdir -p "$out/c"
cd "$out/c"
"$work/toolchain/bin/wasm2c" ../guest.wasm -n guest --num-outputs=16 -o guest.c
python3 "$here/segments.py" embed ../guest.wasm .
python3 "$here/segments.py" base .
python3 "$here/segments.py" spread . "${@:2}"
