#!/bin/sh
# base.sh OUT.tar [OPTION…]: a base like debian:12-slim, made by debootstrap (with these options) from the
# mirror that this machine's apt uses, since images of a registry cannot be had everywhere.
set -eu
out=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
debootstrap --variant=minbase "$@" bookworm "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    exit 1
}
cd "$work/root"
rm -rf usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/* var/cache/apt/* var/lib/apt/lists/* \
    var/log/*
rm -rf dev && mkdir dev
mkdir -p "$(dirname "$out")"
tar --create --numeric-owner --file "$out.new" .
mv "$out.new" "$out"
