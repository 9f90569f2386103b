#!/bin/bash
# guest.sh [MAP]: the image's own guest, guests/python/*.c with the frozen prelude, linked and
# translated. MAP says which function goes into which C file (profile.sh).
# Leaves $work/guest-KEY/{guest.wasm,c/} (link: $work/guest).
set -euo pipefail
. "$(dirname "$0")/progress.sh"
map=("$@")

mapfile -t sources < <(find "$recipe" -maxdepth 1 -name '*.c' | sort)
mapfile -t headers < <(find "$recipe" "$recipe/wasi" "$recipe/wasi/include" "$repo/src/abi" \
    -maxdepth 1 -name '*.h' | sort)
[ "${#sources[@]}" -gt 0 ] || die "guests/python has no C source" "interpreter.c belongs there"
key=$({
    digest "$here"/{guest.sh,wasm.sh,translate.sh,segments.py} "${sources[@]}" "${headers[@]}" \
        "$recipe"/wasi/*.c "${map[@]}"
    readlink "$work/cpython" "$work/libs" "$work/frozen" | xargs basename -a
} | sha256sum | cut -c1-16)
dir=$work/guest-$key
if stage_ready "$dir"; then
    ln -sfn "$dir" "$work/guest"
    note "cached"
    exit 0
fi
stage_begin "$dir"
"$here/wasm.sh" "$dir.new" "$work/frozen" "${sources[@]}"
"$here/translate.sh" "$dir.new" "${map[@]}"
stage_end "$dir"
stage_clean guest "$dir"
ln -sfn "$dir" "$work/guest"
note "$(stat -c %s "$dir/guest.wasm") bytes of Wasm"
