#!/bin/bash
# guest.sh profile|plain: the image's own guest, guests/python/*.c with the frozen prelude, linked and
# translated. With "profile" the profile's list says which function goes into which C file; it is
# unpacked to $work/profile.
# Leaves $work/guest-KEY/{guest.wasm,c/} (link: $work/guest).
set -euo pipefail
. "$(dirname "$0")/common.sh"
map=()
if [ "$1" = profile ]; then
    "$here/profile.sh"
    map=("$work/profile/functions.txt")
fi

mapfile -t sources < <(find "$recipe" -maxdepth 1 -name '*.c' | sort)
mapfile -t headers < <(find "$recipe" "$recipe/wasi" "$recipe/wasi/include" "$repo/src/abi" \
    -maxdepth 1 -name '*.h' | sort)
[ "${#sources[@]}" -gt 0 ] || die "guests/python has no C source" "interpreter.c belongs there"
key=$({
    digest "$here"/{guest.sh,wasm.sh,translate.sh,segments.py,common.sh} "${sources[@]}" "${headers[@]}" \
        "$recipe"/wasi/*.c "${map[@]}"
    readlink "$work/cpython" "$work/libs" "$work/frozen" | xargs basename -a
} | sha256sum | cut -c1-16)
stage guest "$key"
"$here/wasm.sh" "$dir.new" "$work/frozen" "${sources[@]}"
"$here/translate.sh" "$dir.new" "${map[@]}"
stage_done
note "$(stat -c %s "$dir/guest.wasm") bytes of Wasm"
