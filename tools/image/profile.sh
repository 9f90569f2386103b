#!/bin/bash
# profile.sh INCLUDE: train the generated C on real Python work; leaves gcc's counts in
# $work/profile-KEY/guest_*.gcda (link: $work/profile).
#
# What is trained is not the image itself but guests/python/training/driver.c with the same
# libpython. A function of CPython is the same C in both, gcc finds its counts by its name and
# checks them by its shape, and functions.txt puts it into the same file in both (segments.py
# spread). So a change of executor, prelude or src/guest keeps the profile. (A function whose
# name or shape differs, some twenty of ten thousand, is compiled without counts.)
set -euo pipefail
. "$(dirname "$0")/progress.sh"
include=$(realpath "$1")
mapfile -t scripts < <(find "$recipe/training" -name '*.py' | sort)

key=$({
    digest "$here"/{profile.sh,trainer.c,compile.sh,wasm.sh,translate.sh,segments.py} \
        "$recipe/training/driver.c" "$recipe"/wasi/{,include/}*.[ch] "${scripts[@]}"
    readlink "$work/cpython" "$work/libs" | xargs basename -a
    gcc --version | head -1
    "$here/headers.sh" "$include"
} | sha256sum | cut -c1-16)
dir=$work/profile-$key
if stage_ready "$dir"; then
    ln -sfn "$dir" "$work/profile"
    note "cached"
    exit 0
fi
stage_begin "$dir"
build=$dir.new/build
mkdir "$build"
"$here/freeze.sh" --without-prelude
"$here/wasm.sh" "$build" "$work/frozen-plain" "$recipe/training/driver.c"
"$here/translate.sh" "$build"
"$here/compile.sh" generate "$build/c" "$build/o" "$include"
gcc -std=gnu11 -O2 -Wall -Wextra -iquote "$include" -iquote "$build/c" -DMEMBASE=0x10000000000 \
    -o "$build/trainer" "$here/trainer.c" "$build"/o/guest_*.o -lgcov -lpthread -lm

start=$SECONDS
echo "== training: ${scripts[*]##*/}"
"$build/trainer" "${scripts[@]}"
trained=$((SECONDS - start))
find "$build/o" -name '*.gcda' -exec mv {} "$dir.new/" \;
cp "$build/c/functions.txt" "$dir.new/"
count=$(find "$dir.new" -maxdepth 1 -name 'guest_*.gcda' | wc -l)
[ "$count" -gt 0 ] || die "the training left no counts"
rm -rf "$build"
stage_end "$dir"
stage_clean profile "$dir"
ln -sfn "$dir" "$work/profile"
note "$count files of counts, $trained s of training"
