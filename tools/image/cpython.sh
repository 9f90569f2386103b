#!/bin/bash
# CPython for wasm32-wasip1: upstream's tarball, Debian's fixes, configure, libpython3.13.a.
# Leaves $work/cpython-KEY/{source,build}/ with the static libraries and _sysconfigdata.
set -euo pipefail
. "$(dirname "$0")/common.sh"

key=$({
    digest "$here"/{cpython.sh,toolchain.sh,common.sh} "$recipe/Setup.local" "$recipe"/wasi/include/*.h \
        "$work/fetch/versions.txt"
    basename "$(readlink "$work/libs")"
    wasm_compilers
} | sha256sum | cut -c1-16)
stage cpython "$key"
cd "$dir.new"
export PATH=$work/toolchain/bin:$PATH
libs=$work/libs

mkdir source build debian
tar -C source --strip-components=1 -xf "$work"/fetch/src/python3.13_*.orig.tar.xz
tar -C debian --strip-components=1 -xf "$work"/fetch/src/python3.13_*.debian.tar.xz

# In Debian's series the fixes of defects are *.patch; *.diff changes the packaging, save one.
grep -E '^(.*\.patch|revert-logger-disable\.diff)$' debian/patches/series >patches-applied
while read -r patch; do
    echo "== patch $patch"
    (cd source && patch -p1 --force --no-backup-if-mismatch <"../debian/patches/$patch") ||
        die "Debian's patch $patch does not apply to the upstream source" \
            "see cpython.sh: it may need an entry that comes before it in debian/patches/series"
done <patches-applied

# The final folder's name must be in the makefiles: configure there, through a link until then.
ln -sfn "$dir.new" "$dir"
cd "$dir/build"
mkdir Modules
cp "$recipe/Setup.local" Modules/Setup.local
export CC=wasm32-cc CXX=wasm32-c++ CPP="wasm32-cc -E" AR=llvm-ar-19 RANLIB=llvm-ranlib-19
export NM=llvm-nm-19 READELF=llvm-readelf-19 ARFLAGS=rcsD
export CONFIG_SITE=../source/Tools/wasm/config.site-wasm32-wasi
export PKG_CONFIG=false PKG_CONFIG_LIBDIR=/nonexistent HOSTRUNNER=false
export ZLIB_CFLAGS="-I$libs/include" ZLIB_LIBS="-L$libs/lib -lz"
export BZIP2_CFLAGS="-I$libs/include" BZIP2_LIBS="-L$libs/lib -lbz2"
export LIBLZMA_CFLAGS="-I$libs/include" LIBLZMA_LIBS="-L$libs/lib -llzma"
export LIBSQLITE3_CFLAGS="-I$libs/include" LIBSQLITE3_LIBS="-L$libs/lib -lsqlite3"
export CFLAGS="-O2 -g0 -mbulk-memory -mnontrapping-fptoint -msign-ext" OPT="-DNDEBUG -O2"
# Wasm has unaligned loads, which configure cannot find out when it cross-compiles; with them
# CPython takes its usual string hash and its faster loops over text.
export ac_cv_aligned_required=no
../source/configure --host=wasm32-wasip1 --build=x86_64-pc-linux-gnu \
    --with-build-python="$work/toolchain/bin/python3.13" --prefix=/usr --disable-test-modules \
    --with-pymalloc --with-hash-algorithm=siphash13 --without-computed-gotos --disable-ipv6

# Compiled with Linux's error numbers; configure has seen the C library's own, whose functions alone
# its programs are linked with. The header is copied: its folder's name gets into sysconfig, where
# freeze.sh knows those of the cache, and the repository may lie anywhere.
mkdir "$dir/wasi"
cp "$recipe"/wasi/include/*.h "$dir/wasi/"
targets=(libpython3.13.a Modules/_hacl/libHacl_Hash_SHA2.a Modules/expat/libexpat.a
    Modules/_decimal/libmpdec/libmpdec.a pybuilddir.txt)
total "$(make -n "${targets[@]}" | grep -c '^wasm32-cc .*-c ')" wasm32-cc
make -j"$jobs" EXTRA_CFLAGS="-isystem $dir/wasi -w" "${targets[@]}"

cp "$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$dir.new/"
cd "$dir.new"
find build -name '*.o' -delete
rm -rf debian source/Lib/test source/Doc
rm "$dir"
stage_done
note "$(wc -l <"$dir/patches-applied") patches"
