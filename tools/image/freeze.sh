#!/bin/bash
# Freeze the standard library, the prelude and the time zones: $work/frozen-KEY/frozen.{bin,c}.
# freeze.sh [--without-prelude] : the training guest has no prelude. Links $work/frozen[-plain].
set -euo pipefail
. "$(dirname "$0")/common.sh"

link=frozen
prelude=("$recipe/prelude")
if [ "${1:-}" = --without-prelude ]; then link=frozen-plain; prelude=(); fi

mapfile -t own < <(find "${prelude[@]}" "$recipe/lib" -name '*.py' | sort)
key=$(digest "$here"/{freeze.sh,freeze.py,zones.py,common.sh} "$recipe/frozen.txt" "${own[@]}")
key=$(printf '%s %s' "$key" "$(basename "$(readlink "$work/cpython")")" | sha256sum | cut -c1-16)
stage frozen "$key" "$link"
python=$work/toolchain/bin/python3.13
mkdir -p "$dir.new/zones/tzdata" "$dir.new/sysconfig"
"$python" -I "$here/zones.py" "$dir.new/zones/tzdata/_zones.py" \
    "$work/toolchain/root/usr/share/zoneinfo" \
    "$(awk '$2 == "tzdata" { sub(/-.*/, "", $3); print $3 }' "$work/fetch/versions.txt")"
# The build's settings name folders of the cache: give them one name everywhere. No other folder of
# this machine may be there: images of the same inputs would differ.
for file in "$work"/cpython/_sysconfigdata_*.py; do
    sed "s#$work/cpython-[0-9a-f]*\(\.new\)\?#/build/cpython#g; s#$work#/build#g" "$file" \
        >"$dir.new/sysconfig/$(basename "$file")"
done
if grep -nF -e "$repo" -e "$work" "$dir.new"/sysconfig/*.py; then
    die "CPython's settings name a folder of this machine (above)" \
        "see cpython.sh: what is given to configure and make must not, or freeze.sh must rename it"
fi
# Hash randomisation off: sets of constants then always come in the same order.
PYTHONHASHSEED=0 "$python" -S -B "$here/freeze.py" "$dir.new" "$recipe/frozen.txt" \
    "$work/cpython/source/Lib" "$dir.new/sysconfig" "$recipe/lib" "$dir.new/zones" "${prelude[@]}"
(cd "$dir.new" && "$work/toolchain/bin/wasm32-cc" -O2 -g0 -std=gnu23 \
    -I "$work/cpython/source/Include" -I "$work/cpython/build" \
    -c frozen.c -o frozen.o)
stage_done
