#!/bin/bash
# Put the Python image at BUILD/python.image. Images are cached under ~/.cache/cloche/images by the
# hash of everything they are made from; a miss builds one with visible progress.
#
# The last step, which initialises the interpreter, runs in a micro-VM. Where there is no hypervisor
# the steps before it are done all the same and leave BUILD/python.elf; there is no image then.
set -euo pipefail
build=$1
here=$(dirname "$0")
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
cache=${CLOCHE_CACHE:-$HOME/.cache/cloche}/images
# The versions of what Debian has are inputs too: they are known once it has been fetched.
[ -f "$work/fetch/versions.txt" ] || "$here/image/fetch.sh"
inputs=$("$here/image/inputs.sh")
image=$cache/$inputs.image
elf=$cache/$inputs.elf
mkdir -p "$cache"

link() { # TARGET NAME; what is right is left alone, so that its time stays
    [ "$(readlink -f "$2" 2>/dev/null)" = "$1" ] || ln -sf "$1" "$2"
}

exec 9>"$cache/lock"
flock 9
if [ ! -f "$image" ] && [ ! -f "$elf" ]; then
    echo "building the Python image (once; cached as $inputs)"
    mkdir -p "$cache/unfinished" # an image is named after its ELF file, so that one keeps its name
    "$here/image/build.sh" "$cache/unfinished/$inputs.elf"
    mv "$cache/unfinished/$inputs.elf" "$elf"
fi
if [ ! -f "$image" ] && ! "$here/hypervisor.sh"; then
    link "$elf" "$build/python.elf"
    rm -f "$build/python.image" # of other inputs
    echo "THE PYTHON IMAGE IS NOT FINISHED, AND NOTHING CAN RUN ON THIS MACHINE. On one with /dev/kvm:" >&2
    echo "    cloche image build --inputs $inputs python.elf python.image" >&2
    exit 0
fi
if [ ! -f "$image" ]; then
    "$build/cloche" image build --inputs "$inputs" "$elf" "$image"
fi
rm -f "$elf" "$build/python.elf"
link "$image" "$build/python.image"
