#!/bin/bash
# train.sh OUT.xz: train the generated C on real Python work and write gcc's counts to OUT.xz.
# "make profile" calls it to write guests/python/profile.xz anew, which every build uses;
# tests/image/reproducible.sh to see that the file in the repository is what the training gives.
#
# What is trained is not the image itself but guests/python/training/driver.c with the same
# libpython. A function of CPython is the same C in both, gcc finds its counts by its name and
# checks them by its shape, and the profile's list of functions puts it into the same file in both
# (segments.py spread). So a change of executor, prelude or src/guest keeps the profile. (A function
# whose name or shape differs, some twenty of ten thousand, is compiled without counts.)
set -euo pipefail
. "$(dirname "$0")/common.sh"
out=$(realpath "$1") include=$repo/src/guest/include
mapfile -t scripts < <(find "$recipe/training" -name '*.py' | sort)

build=$work/training
rm -rf "$build"
mkdir "$build"
trap 'rm -rf "$build"' EXIT
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

# What it was trained with, as far as counts or shapes can depend on it.
mapfile -t with < <({
    awk '{ print $1 "-" $2 "=" $3 }' "$work/fetch/versions.txt"
    dpkg-query -W -f '${Package}=${Version}\n' gcc-12 clang-19 lld-19 libclang-rt-19-dev-wasm32
} | sort)
# And the sources that it was built of (a new file in wasi/ is linked into the trained guest too).
mapfile -t built < <(find "$recipe"/{wasi,lib,Setup.local,frozen.txt} "$here"/{cpython,libs,freeze,wasm,translate,compile}.sh \
    -type f ! -path '*/__pycache__/*' | sort)
cp "$build/c/functions.txt" "$build/o/"
python3 "$here/counts.py" pack "$out" "$build/o" "training=$(trained_on)" "sources=$(digest "${built[@]}")" "${with[@]}"
note "$(stat -c %s "$out") bytes, $trained s of training"
