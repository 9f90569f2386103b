#!/bin/bash
# build.sh OUT.elf: CPython for the micro-VM, from Debian's sources to one static ELF.
#
#   CLOCHE_CACHE   where the expensive steps are kept (default ~/.cache/cloche)
#   CLOCHE_PGO=0   without the profile: quicker to build, some 10 % slower to run
#   CLOCHE_JOBS    compilers at once (default 2; each takes up to 600 MB)
#
# Each step is a script of its own beside this one and keeps its result under the hash of what it
# was made from. What the steps are and why: guests/python/README.md.
set -euo pipefail
. "$(dirname "$0")/progress.sh"
[ $# -eq 1 ] || die "usage: build.sh OUT.elf"
mkdir -p "$(dirname "$1")"
out=$(realpath "$1") pgo=${CLOCHE_PGO:-1} include=$repo/src/guest/include

mapfile -t missing < <(comm -23 <(sort "$here/deps.txt") \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
        sed -n 's/^installed //p' | sort))
[ "${#missing[@]}" -eq 0 ] ||
    die "Debian packages are missing: ${missing[*]}" "run 'make deps', or apt-get install them"

# One build at a time in one cache: the second waits and then finds most of it done.
exec 9>"$work/lock"
if ! flock -n 9; then
    echo "image: another build uses $work; waiting for it"
    flock 9
fi

step_of=9
if [ "$pgo" = 0 ]; then step_of=8; fi
step "fetch sources and packages from Debian" "$here/fetch.sh"
step "put the tools together" "$here/toolchain.sh"
step "zlib, bzip2, liblzma, SQLite for Wasm" "$here/libs.sh"
step "CPython for Wasm" "$here/cpython.sh"
step "freeze the standard library and the prelude" "$here/freeze.sh"
if [ "$pgo" = 0 ]; then
    step "link the guest and translate it to C" "$here/guest.sh"
    step "compile the generated C" "$here/compile.sh" plain "$work/guest/c" "$work/plain" "$include"
    step "link with the runtime" "$here/runtime.sh" "$work/guest/c" "$work/plain" "$out"
else
    step "train a build with counters" "$here/profile.sh" "$include"
    step "link the guest and translate it to C" "$here/guest.sh" "$work/profile/functions.txt"
    step "compile the generated C with the profile" "$here/compile.sh" use "$work/guest/c" \
        "$work/use" "$include" "$work/profile"
    step "link with the runtime" "$here/runtime.sh" "$work/guest/c" "$work/use" "$out"
fi
echo "image: $out ($(stat -c %s "$out") bytes) in $SECONDS s"
