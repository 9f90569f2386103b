#!/bin/bash
# Put the Python image at BUILD/python.image. Images are cached under ~/.cache/cloche/images by the
# hash of everything they are made from; a miss builds one with visible progress.
set -euo pipefail
build=$1
here=$(dirname "$0")
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
cache=${CLOCHE_CACHE:-$HOME/.cache/cloche}/images
# The versions of what Debian has are inputs too: they are known once it has been fetched.
[ -f "$work/fetch/versions.txt" ] || "$here/image/fetch.sh"
inputs=$("$here/image/inputs.sh")
image=$cache/$inputs.image
mkdir -p "$cache"

exec 9>"$cache/lock"
flock 9
if [ ! -f "$image" ]; then
    if [ ! -w /dev/kvm ]; then
        echo "No Hypervisor was found for Sandbox: the image is initialised in a micro-VM and" >&2
        echo "needs /dev/kvm, which is missing or not writable here (see: $build/cloche doctor)." >&2
        exit 1
    fi
    echo "building the Python image (once; cached as $inputs)"
    elf=$cache/$inputs.elf
    "$here/image/build.sh" "$elf"
    "$build/cloche" image build --inputs "$inputs" "$elf" "$image"
    rm -f "$elf"
fi
if [ "$(readlink -f "$build/python.image" 2>/dev/null)" != "$image" ]; then
    ln -sf "$image" "$build/python.image"
fi
