#!/bin/bash
# image.sh BUILD [JOBS]: make the program and put the Python image at BUILD/python.image. Images are
# cached under ~/.cache/cloche/images by the hash of everything they are made from. When there is none
# yet, one is built beside the program, with visible progress (tools/image/steps.py), which in the end
# calls image.sh --finish BUILD ELF.
#
# The last step, which initialises the interpreter, runs in a micro-VM. Where there is no hypervisor
# the steps before it are done all the same and leave BUILD/python.elf; there is no image then.
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
    if "$here/hypervisor.sh"; then
        "$build/cloche" image build --inputs "$inputs" "$cache/$inputs.elf" "$cache/$inputs.image"
        rm "$cache/$inputs.elf"
    fi
    exit 0
fi

build=$1 jobs=${2:-$(nproc)}
mkdir -p "$cache/unfinished"
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
    if [ ! -f "$cache/$inputs.image" ] && "$here/hypervisor.sh"; then # a hypervisor has come since
        "$here/image.sh" --finish "$build" "$cache/$inputs.elf"
    fi
else
    echo "building the program and, once for all builds with these inputs, the Python image"
    "$here/image/build.sh" "$cache/unfinished/new.elf" "$build" "$jobs"
    inputs=$("$here/image/inputs.sh")
fi

if [ -f "$cache/$inputs.image" ]; then
    rm -f "$build/python.elf"
    link "$cache/$inputs.image" "$build/python.image"
else
    link "$cache/$inputs.elf" "$build/python.elf"
    rm -f "$build/python.image" # of other inputs
    echo "THE PYTHON IMAGE IS NOT FINISHED, AND NOTHING CAN RUN ON THIS MACHINE. On one with /dev/kvm:" >&2
    echo "    cloche image build --inputs $inputs python.elf python.image" >&2
fi
