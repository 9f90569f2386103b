#!/bin/bash
# CPython's own tests, from the source package that the image is made of, with Debian's patches.
# Prints the folder that holds "test". The image must have been built: it fetches the package.
set -euo pipefail

work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
applied=$work/cpython/patches-applied
if ! ls "$work"/fetch/src/python3.13_*.orig.tar.xz >/dev/null 2>&1 || [ ! -e "$applied" ]; then
    echo "the source package of CPython is not in $work: build the image first (make image)" >&2
    exit 1
fi
key=$(cat "$work"/fetch/src/python3.13_*.dsc "$applied" "$0" | sha256sum | cut -c1-16)
folder=$work/cpython-tests/$key
if [ ! -e "$folder/.done" ]; then
    rm -rf "$work/cpython-tests"
    mkdir -p "$folder/source" "$folder/debian"
    tar -C "$folder/source" --strip-components=1 -xf "$work"/fetch/src/python3.13_*.orig.tar.xz
    tar -C "$folder/debian" --strip-components=1 -xf "$work"/fetch/src/python3.13_*.debian.tar.xz
    while read -r patch; do
        (cd "$folder/source" && patch -p1 --force --quiet --no-backup-if-mismatch) \
            <"$folder/debian/patches/$patch" >&2
    done <"$applied"
    mkdir "$folder/lib"
    mv "$folder/source/Lib/test" "$folder/lib/test"
    rm -rf "$folder/source" "$folder/debian"
    touch "$folder/.done"
fi
echo "$folder/lib"
