#!/bin/bash
# The C libraries that CPython's modules stand on, for wasm32-wasi: zlib, bzip2, liblzma, SQLite.
# Debian 12's sources with Debian's patches. Leaves $work/libs-KEY/{include,lib}/.
set -euo pipefail
. "$(dirname "$0")/common.sh"

key=$({
    digest "$here"/{libs.sh,toolchain.sh,common.sh} "$work/fetch/versions.txt"
    wasm_compilers
} | sha256sum | cut -c1-16)
stage libs "$key"
mkdir -p "$dir.new"/{include,lib,src}
cd "$dir.new/src"
export PATH=$work/toolchain/bin:$PATH

# unpack NAME: Debian's source with its patches, in ./NAME
unpack() { dpkg-source --no-check -x "$work"/fetch/src/"$1"_*.dsc "$1"; }

# archive LIBRARY FILE...: compile the files given and put them into lib/LIBRARY.a
archive() {
    local library=$1
    shift
    printf '%s\n' "$@" | xargs -P "$jobs" -I{} sh -c \
        'wasm32-cc '"$flags"' -c "$1" -o "$(basename "$1" .c).o"' sh {}
    llvm-ar-19 rcsD "$dir.new/lib/$library.a" ./*.o
}
common='-O2 -g0 -mbulk-memory -mnontrapping-fptoint -msign-ext -DNDEBUG'
read -ra words <<<"$common"
cc() { wasm32-cc "${words[@]}" "$@"; }

# SQLite is one file and takes as long as all others together: it is compiled beside them.
sqlite() {
    unpack sqlite3
    # WASI has neither file locks nor owners: name the constants, answer that one user owns everything.
    cat >sqlite3/wasi.h <<'EOF'
#include <fcntl.h>
#include <sys/types.h>
#ifndef F_RDLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#endif
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
static inline int sqlite_fchown(int fd, uid_t user, gid_t group)
{
    return fd < 0 || user != group ? -1 : 0;
}
static inline uid_t sqlite_geteuid(void) { return 1000; }
#define fchown sqlite_fchown
#define geteuid sqlite_geteuid
EOF
    (cd sqlite3 && mkdir build && cd build &&
        ../configure --disable-tcl --with-tclsh="$(command -v tclsh8.6)" --disable-readline &&
        make -j"$jobs" sqlite3.c &&
        cc -include ../wasi.h -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
            -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_MAX_MMAP_SIZE=0 \
            -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE \
            -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_TEMP_STORE=3 \
            -DSQLITE_DEFAULT_UNIX_VFS='"unix-none"' -D_WASI_EMULATED_GETPID \
            -c sqlite3.c -o sqlite3.o &&
        llvm-ar-19 rcsD "$dir.new/lib/libsqlite3.a" sqlite3.o && cp sqlite3.h "$dir.new/include/")
}
small_ones() {
    unpack zlib
    (cd zlib && flags="$common -DHAVE_UNISTD_H" && archive libz adler32.c crc32.c deflate.c infback.c \
        inffast.c inflate.c inftrees.c trees.c zutil.c compress.c uncompr.c &&
        cp zlib.h zconf.h "$dir.new/include/")

    unpack bzip2
    (cd bzip2 && flags="$common -DBZ_NO_STDIO" && archive libbz2 blocksort.c huffman.c crctable.c \
        randtable.c compress.c decompress.c bzlib.c && cp bzlib.h "$dir.new/include/")
    # With BZ_NO_STDIO the library calls the program on an internal error; end as abort does.
    printf '#include <stdlib.h>\nvoid bz_internal_error(int code);\n%s\n' \
        'void bz_internal_error(int code) { (void)code; abort(); }' >bz_error.c
    cc -c bz_error.c -o bz_error.o
    llvm-ar-19 rcsD "$dir.new/lib/libbz2.a" bz_error.o

    unpack xz-utils
    # There are no signals to mask: leave the helper for single-threaded programs out.
    sed -i '0,/^#if !(defined(_WIN32) && !defined(__CYGWIN__))$/s//#if !defined(__wasm__)/' \
        xz-utils/src/common/mythread.h
    (cd xz-utils && CC=wasm32-cc AR=llvm-ar-19 RANLIB=llvm-ranlib-19 CFLAGS="$common" \
        ./configure --host=wasm32-wasi --build=x86_64-linux-gnu --disable-threads --disable-shared \
        --disable-nls --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo \
        --disable-lzma-links --disable-scripts --disable-doc --disable-dependency-tracking \
        --enable-small=no --prefix="$dir.new" &&
        make -j"$jobs" -C src/liblzma install)
}
if [ "$jobs" = 1 ]; then
    sqlite
    small_ones
else
    (sqlite) >"$dir.new/sqlite.log" 2>&1 &
    small_ones
    if ! wait $!; then
        cat "$dir.new/sqlite.log" >&2
        die "SQLite was not compiled"
    fi
    cat "$dir.new/sqlite.log"
    rm "$dir.new/sqlite.log"
fi

rm -rf "$dir.new/src"
stage_done
note "$(cd "$dir/lib" && printf '%s ' ./*.a | sed 's#\./##g')"
