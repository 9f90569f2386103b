#!/bin/bash
# compile.sh generate|use|plain CDIR OUTDIR INCLUDE [PROFILEDIR]
# Compile wasm2c's C with gcc, two files at a time, to OUTDIR/guest_*.o. "generate" adds the
# counters of a training build (hosted, linear memory at a constant address that is free under
# Linux); "use" compiles with the counts in PROFILEDIR, "plain" without. An object is kept in
# $work/objects under the hash of all that it is made from: a small change compiles few files.
# With "use" OUTDIR/guest_*.misfits holds the names of functions for which gcc found no counts or
# counts of another shape, "*" where it could not read the file: counts.py fit judges them.
set -euo pipefail
. "$(dirname "$0")/common.sh"
mkdir -p "$3" "$work/objects"
mode=$1 cdir=$(realpath "$2") out=$(realpath "$3") include=$(realpath "$4") profile=${5:-}

# The first lines decide the shape of the functions: they are the same in all three modes.
# Linear memory at 0 is not a null pointer; Wasm allows any aliasing and has no errno. What the
# specification's tests (tests/wasm) found: gcc's RTL pass -fdse takes two constant addresses for
# different objects even where they overlap, and drops stores that are read; without
# -fsignaling-nans x * 1.0 leaves a signalling NaN signalling; with -fno-trapping-math
# (double)(unsigned)-0.5 is -0.0. Loops are aligned: where a hot one happens to lie is worth up to a
# tenth of a script's time, and any change elsewhere moves it (bench/compare.py).
flags=(-std=gnu11 -O2 -march=x86-64-v2 -ffreestanding -fno-strict-aliasing -fno-dse
    -fno-delete-null-pointer-checks -fno-math-errno -fsignaling-nans -ffp-contract=off
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fPIE
    -falign-functions=32 -falign-loops=32 -frandom-seed=cloche -nostdinc
    -isystem "$(gcc -print-file-name=include)" -I "$include" -I .)
case $mode in
plain) flags+=(-w -DMEMBASE=0) ;;
use) # without -w: gcc says of each function whether the counts fit
    flags+=(-DMEMBASE=0 -fprofile-use -fprofile-partial-training -Wmissing-profile -Wcoverage-mismatch
        -Wno-error=coverage-mismatch)
    ;;
# 1 TiB: nothing else is there under Linux, and no right to map address 0 is needed. What gcc would
# do once the counters are in place changes no count, and takes a third of its time.
generate)
    flags+=(-w -DMEMBASE=0x10000000000 -fprofile-generate -fprofile-update=single -fno-tree-pre
        -fno-gcse -fno-schedule-insns2 -fno-tree-dominator-opts -fno-rerun-cse-after-loop
        -fira-region=one -fno-tree-vectorize -fno-ivopts)
    ;;
*) die "compile.sh: unknown mode $mode" ;;
esac

# What all objects of this call have in common, for their keys.
cd "$cdir"
common=$(gcc --version | head -1)$(as --version | head -1)$(printf ' %s' "${flags[@]//$include/include}")
# (Of guest-impl.h without the prototypes of functions: a call shows its types, Wasm is typed.)
common+=$({
    cat guest.h
    grep -v '^[a-z0-9_]* w2c_guest_.*(w2c_guest\*.*;$' guest-impl.h
    "$here/headers.sh" "$include"
} | sha256sum)
export mode out profile common here objects=$work/objects

compile_one() {
    local source=$1 name key scratch counts=/dev/null
    shift
    name=$(basename "$source" .c)
    if [ "$mode" = generate ]; then # the program will write its counts beside the object
        nice gcc "$@" -c "$source" -o "$out/$name.o"
        echo "$name compiled"
        return
    fi
    if [ "$mode" = use ] && [ -e "$profile/$name.gcda" ]; then counts=$profile/$name.gcda; fi
    key=$({
        printf '%s\n' "$common"
        cat "$source" "$counts"
        sed -n 's/.*incbin \\"\(segment-[0-9]*\.bin\)\\".*/\1/p' "$source" | xargs -r cat
    } | sha256sum | cut -c1-40)
    if [ ! -e "$objects/$key.o" ]; then
        scratch=$(mktemp -d -p "$objects")
        if [ "$counts" != /dev/null ]; then cp "$counts" "$scratch/$name.gcda"; fi
        if ! nice gcc "$@" -c "$source" -o "$scratch/$name.o" 2>"$scratch/said"; then
            cat "$scratch/said" >&2
            return 1
        fi
        python3 "$here/counts.py" said "$scratch/said" >"$objects/$key.misfits"
        mv "$scratch/$name.o" "$objects/$key.o"
        rm -rf "$scratch"
        echo "$name compiled"
    else
        echo "$name kept"
    fi
    touch "$objects/$key.o" "$objects/$key.misfits"
    cp "$objects/$key.o" "$out/$name.o"
    cp "$objects/$key.misfits" "$out/$name.misfits"
}
export -f compile_one

find "$objects" -mindepth 1 -mtime +7 -delete
rm -f "$out"/guest_*
count=$(find . -name 'guest_*.c' | wc -l)
total "$count" guest_
# the largest first: then none is left alone at the end
find . -name 'guest_*.c' -printf '%s ./%f\n' | sort -rn | cut -d' ' -f2 | xargs -P "$jobs" -I{} bash -euo pipefail -c \
    'compile_one "$@"' sh {} "${flags[@]}" | tee "$out/compiled"
compiled="$(grep -c ' compiled$' "$out/compiled" || true) of $count files compiled"
if [ "$mode" = use ]; then # one that no longer fits is a warning: the guest is right, and slower
    python3 "$here/counts.py" fit "$recipe/profile.xz" functions.txt "$out" | tee "$out/fit" || true
    compiled+=", $(sed -n 's/^image-note: //p' "$out/fit")"
fi
note "$compiled"
