#!/bin/bash
# Link a guest: wasm.sh OUTDIR FROZENDIR SOURCE.c... compiles the sources for wasm32-wasi and links
# them with libpython, the frozen modules and the C libraries as a WASI reactor: OUTDIR/guest.wasm.
#
# Beside the given sources each guest gets guests/python/wasi/*.c, which stand between CPython and the
# C library: error numbers, empty paths, waiting for other threads, local time.
#
# The library comes first and whole, the sources last: then the functions of CPython keep their
# names (and so their profile) whatever the sources are. See profile.sh.
set -euo pipefail
. "$(dirname "$0")/common.sh"
out=$1 frozen=$2
shift 2
export PATH=$work/toolchain/bin:$PATH

objects=()
for source in "$recipe"/wasi/*.c "$@"; do
    object=$out/$(basename "$source" .c).o
    wasm32-cc -std=gnu11 -O2 -g0 -DNDEBUG -Wall -Wextra -mbulk-memory -mnontrapping-fptoint \
        -msign-ext -isystem "$recipe/wasi/include" -isystem "$work/cpython/source/Include" \
        -isystem "$work/cpython/build" \
        -I "$repo/src" -I "$(dirname "$source")" -ffile-prefix-map="$repo"=. \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS \
        -c "$source" -o "$object"
    objects+=("$object")
done

# The order of the data is that of the files, strings are not merged (-O0), and the part that
# changes often, prelude and sources, is followed by a pad up to a round address: CPython's and
# libc's data then stay where they are, and so does the C that speaks of them.
cat >"$out/pad.c" <<'EOF'
#define PAD __attribute__((used, retain, aligned(1 << 18)))
PAD static const char constants[16] = {1};
PAD static char variables[16] = {1};
EOF
wasm32-cc -O2 -g0 -c "$out/pad.c" -o "$out/pad.o"
cp "$out/pad.o" "$out/pad-end.o"

wraps=()
for function in strerror posix_fadvise clock_nanosleep chdir __wasilibc_find_relpath_alloc __secs_to_zone \
    PyThread_acquire_lock_timed_with_retries _PyParkingLot_Park; do
    wraps+=("-Wl,--wrap=$function")
done
build=$work/cpython/build
inputs=(-o "$out/guest.wasm" -mexec-model=reactor -nodefaultlibs -z stack-size=4194304
    "-Wl,--stack-first,--strip-debug,-O0" "${wraps[@]}" "-Wl,--whole-archive" "$build/libpython3.13.a"
    "-Wl,--no-whole-archive" "$build/Modules/_decimal/libmpdec/libmpdec.a"
    "$build/Modules/_hacl/libHacl_Hash_SHA2.a" "$build/Modules/expat/libexpat.a"
    -L "$work/libs/lib" -lz -lbz2 -llzma -lsqlite3
    "$frozen/frozen.o" "${objects[@]}" "$out/pad.o" -ldl
    -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lm -lc
    "$(wasm32-cc -print-libgcc-file-name)" "$out/pad-end.o")
wasm32-cc "${inputs[@]}"

# Initial memory in whole 2 MiB, so that the micro-VM can map it with large pages.
bytes=$(python3 "$here/segments.py" memory "$out/guest.wasm")
wasm32-cc "${inputs[@]}" "-Wl,--initial-memory=$(((bytes + 0x1fffff) / 0x200000 * 0x200000))"
note "$(stat -c %s "$out/guest.wasm") bytes, memory $((bytes >> 20)) MiB"
