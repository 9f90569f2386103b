#!/bin/bash
# root.sh NAME: print the folder of a system of roots.txt; it is made once for all builds and kept below
# ~/.cache/cloche/dist (CLOCHE_CACHE). Needs root. Exit status 77: it cannot be had here, and why.
set -euo pipefail
here=$(dirname "$0") name=$1
folder=${CLOCHE_CACHE:-$HOME/.cache/cloche}/dist/roots
pin=$(awk -v name="$name" '$1 == name { print $3 == "" ? "signed" : $3 }' "$here/roots.txt")
[ -n "$pin" ] || { echo "root.sh: roots.txt has no $name" >&2; exit 2; }
mkdir -p "$folder"
exec 9>"$folder/$name.lock"
flock 9
if [ ! -d "$folder/$name" ]; then
    new=$folder/$name.new
    rm -rf "$new"
    check=()
    script=/usr/share/debootstrap/scripts/$name
    if [ "$pin" != signed ]; then
        check=(--no-check-gpg)
        [ -f "$script" ] || script=/usr/share/debootstrap/scripts/jammy # one for all of Ubuntu
    fi
    if ! debootstrap --variant=minbase --foreign "${check[@]}" "$name" "$new" "" "$script" \
        >"$folder/$name.log" 2>&1; then
        tail -3 "$folder/$name.log" >&2
        exit 77
    fi
    release=$(find "$new/var/lib/apt/lists" -name "*_dists_${name}_Release")
    if [ "$pin" != signed ] && ! echo "$pin  $release" | sha256sum --check --quiet >&2; then
        echo "root.sh: the release file of $name is not the one of roots.txt" >&2
        exit 1
    fi
    chroot "$new" /debootstrap/debootstrap --second-stage >>"$folder/$name.log" 2>&1
    mv "$new" "$folder/$name"
fi
echo "$folder/$name"
