#!/bin/sh
# install_image.sh IMAGE FOLDER: at `meson install`, put the image into FOLDER below the prefix, under
# DESTDIR if that is set. The build makes the image apart from the program: see tools/image.sh.
set -eu
image=$1
folder=$MESON_INSTALL_DESTDIR_PREFIX/$2
if [ ! -f "$image" ]; then
    echo "THERE IS NO $image: make image, then install again, or set CLOCHE_IMAGE for the" >&2
    echo "installed program" >&2
    exit 0
fi
mkdir -p "$folder"
# another name first: a program that runs has its image mapped
install -m 644 "$image" "$folder/.python.image.new"
mv -f "$folder/.python.image.new" "$folder/python.image"
[ -n "${MESON_INSTALL_QUIET:-}" ] || echo "Installing $image to $folder"
