#!/bin/bash
# build.sh OUT.elf [PROGRAM JOBS], build.sh --train OUT.xz
#
# CPython for the micro-VM, from Debian's sources to one static ELF.
# With PROGRAM, a build folder of Meson's, the program as well and then the image: tools/image.sh.
# With --train the profile that the build uses, anew: train.sh.
#
#   CLOCHE_CACHE   where the expensive steps are kept (default ~/.cache/cloche)
#   CLOCHE_PGO=0   without the profile: some 10 % slower to run
#   CLOCHE_JOBS    compilers at once (default 2; each takes up to 600 MB); 1: one step at a time, too
#
# Each step is a script of its own beside this one and keeps its result under the hash of what it
# was made from. What the steps are and why: guests/python/README.md. steps.py runs them.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: build.sh OUT.elf [PROGRAM JOBS], build.sh --train OUT.xz" >&2; exit 2; }
train=
if [ "$1" = --train ]; then train=--train; shift; fi
here=$(dirname "$0")
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
mkdir -p "$(dirname "$1")" "$work"

mapfile -t missing < <(comm -23 <(sort "$here/deps.txt") \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
        sed -n 's/^installed //p' | sort))
if [ "${#missing[@]}" -gt 0 ]; then
    echo "image: Debian packages are missing: ${missing[*]}" >&2
    echo "  hint: run 'make deps', or apt-get install them" >&2
    exit 1
fi

# One build at a time in one cache: the second waits and then finds most of it done.
exec 9>"$work/lock"
if ! flock -n 9; then
    echo "image: another build uses $work; waiting for it"
    flock 9
fi
"$here/steps.py" ${train:+"$train"} "$(realpath "$1")" "${@:2}"
