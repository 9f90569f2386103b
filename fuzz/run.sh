#!/bin/bash
# Build the fuzz targets and run each for SECONDS, AT_ONCE of them together (2): run.sh BUILD SECONDS
# [AT_ONCE]. What they find is kept in the cache folder: see targets.py.
set -euo pipefail
build=$1-fuzz seconds=$2 at_once=${3:-2}
here=$(cd "$(dirname "$0")" && pwd)
[ -f "$build/build.ninja" ] ||
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
names=$(cd "$here" && ls ./*.c | sed 's#^\./\(.*\)\.c$#\1#')
told=$(ninja -C "$build" $(printf 'fuzz/fuzz_%s ' $names)) || { printf '%s\n' "$told" >&2; exit 1; }
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec "$here/targets.py" "$build" "$seconds" "$at_once" $names
