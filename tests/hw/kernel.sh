#!/bin/bash
# Fetch Debian's current cloud kernel, unpack it into the cache, and print its folder, which has
# boot/vmlinuz-RELEASE and lib/modules/RELEASE (with modules.dep). Nothing is installed. The
# metapackage says which kernel is current, so a security update needs no change here.
# `kernel.sh --name` only prints which one that is, and fetches nothing but the package lists.
set -euo pipefail
cache=${CLOCHE_CACHE:-$HOME/.cache/cloche}/hw
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Set package, version and folder to what apt's lists name as current.
resolve() {
    package=$(apt-cache depends linux-image-cloud-amd64 2>>"$log" |
        sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    [ -n "$package" ] || { echo "apt's lists name no linux-image-cloud-amd64" >>"$log"; return 1; }
    version=$(apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')
    folder=$cache/${package#linux-image-}_$version
}

fetch() (
    [ ! -d "$folder" ] || exit 0
    echo "fetching $package $version" >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.unpack-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    apt-get download "$package=$version" >>"$log" 2>&1 || exit 1
    dpkg-deb -x ./*.deb root >>"$log" 2>&1 || exit 1
    PATH=$PATH:/usr/sbin:/sbin depmod -b root "${package#linux-image-}" >>"$log" 2>&1 || exit 1
    # older kernels
    find "$cache" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' -exec rm -rf {} +
    mv root "$folder"
)

refresh() { # of the package lists, which may be old or absent
    if [ "$(id -u)" = 0 ]; then apt-get update -q
    else sudo -n apt-get update -q
    fi >>"$log" 2>&1
}

if [ "${1:-}" = --name ]; then fetch() { :; }; fi
if { resolve && fetch; } || { refresh && resolve && fetch; }; then
    if [ "${1:-}" = --name ]; then echo "${folder##*/}"; else echo "$folder"; fi
    exit 0
fi
mkdir -p "$cache"
cached=$(find "$cache" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' | head -n 1)
tail -n 5 "$log" >&2
if [ -n "$cached" ]; then
    echo "could not look for a newer kernel (see above); using the cached ${cached##*/}" >&2
    echo "$cached"
    exit 0
fi
echo "could not fetch Debian's linux-image-cloud-amd64 (see above)" >&2
exit 1
