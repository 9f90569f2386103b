#!/bin/bash
# image.sh BUILD [JOBS]: make the program and put the Python image at BUILD/python.image. Images are
# cached under ~/.cache/cloche/images by the hash of everything they are made from. When there is none
# yet, one is built beside the program, with visible progress (tools/image/steps.py), which in the end
# calls image.sh --finish BUILD ELF.
#
# The last step initialises the interpreter: in a micro-VM where there is a hypervisor, else by process
# isolation, which gives the same bytes (isolation.sh).
set -euo pipefail
here=$(dirname "$0")
cache=${CLOCHE_CACHE:-$HOME/.cache/cloche}/images
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work

link() { # TARGET NAME; what is right is left alone, so that its time stays
    [ "$(readlink -f "$2" 2>/dev/null)" = "$1" ] || ln -sf "$1" "$2"
}

if [ "$1" = --finish ]; then
    build=$2 inputs=$("$here/image/inputs.sh")
    # An image is named after its ELF file, so that one keeps its name.
    [ "$3" = "$cache/$inputs.elf" ] || mv "$3" "$cache/$inputs.elf"
    "$build/cloche" image build --isolation="$("$here/isolation.sh")" --inputs "$inputs" \
        "$cache/$inputs.elf" "$cache/$inputs.image"
    rm "$cache/$inputs.elf"
    exit 0
fi

build=$1 jobs=${2:-$(nproc)}
mkdir -p "$cache/unfinished"
# An image that is there needs no turn: another one may be in the making for minutes.
if [ -f "$work/fetch/versions.txt" ]; then
    inputs=$("$here/image/inputs.sh")
    if [ -f "$cache/$inputs.image" ]; then
        ninja -C "$build" -j "$jobs"
        link "$cache/$inputs.image" "$build/python.image"
        exit 0
    fi
fi
exec 8>"$cache/lock"
flock 8
# The versions of what Debian has are inputs too. They are known once it has been fetched; that is
# worth a wait only where there are images already, one of which may be it.
inputs=
if [ ! -f "$work/fetch/versions.txt" ] && [ -n "$(find "$cache" -name '*.image' -print -quit)" ]; then
    "$here/image/fetch.sh"
fi
if [ -f "$work/fetch/versions.txt" ]; then inputs=$("$here/image/inputs.sh"); fi

if [ -n "$inputs" ] && { [ -f "$cache/$inputs.image" ] || [ -f "$cache/$inputs.elf" ]; }; then
    ninja -C "$build" -j "$jobs"
    if [ ! -f "$cache/$inputs.image" ]; then # it came meanwhile, or the last step failed
        "$here/image.sh" --finish "$build" "$cache/$inputs.elf"
    fi
else
    echo "building the program and, once for all builds with these inputs, the Python image"
    "$here/image/build.sh" "$cache/unfinished/new.elf" "$build" "$jobs"
    inputs=$("$here/image/inputs.sh")
fi

link "$cache/$inputs.image" "$build/python.image"
