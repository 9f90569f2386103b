#!/bin/bash
# archive.sh BUILD [JOBS]: make BUILD/dist/cloche-VERSION-linux-x86_64.tar.zst and its checksum beside it.
#
# What is in it is what `meson install` leaves, of a build in a folder of its own (BUILD-dist) with no
# options but these, without debug information. The same tree on the same packages gives the same bytes:
# names are sorted, times are those of the newest commit (or SOURCE_DATE_EPOCH), paths are mapped away.
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1") jobs=${2:-$(nproc)}
glibc=2.34 most_packed=60 most_unpacked=120 # MB
made=$build-dist
umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$repo" log -1 --format=%ct 2>/dev/null || true)}
[ -n "$SOURCE_DATE_EPOCH" ] || {
    echo "archive.sh: the times in the archive are that of the newest commit, and there is no git here" >&2
    echo "  hint: set SOURCE_DATE_EPOCH to seconds since 1970" >&2
    exit 1
}
export SOURCE_DATE_EPOCH

mkdir -p "$build/dist"
exec 9>"$build/dist/.lock" # one at a time
flock 9

configure() {
    local said
    said=$(meson setup "$@" --prefix=/usr/local -Dlibdir=lib -Dpkgconfig.relocatable=true -Dbundle=true \
        --buildtype=debugoptimized -Dc_args="['-ffile-prefix-map=$repo=.']" "$made" "$repo") || {
        printf '%s\n' "$said" >&2
        exit 1
    }
}
if [ -f "$made/build.ninja" ]; then configure --reconfigure; else configure; fi
ninja --quiet -C "$made" -j "$jobs" cloche libcloche.a examples/example_tools.so
ln -sfn "$(realpath "$build/python.image")" "$made/python.image"

version=$(meson introspect --projectinfo "$made" | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
name=cloche-$version-linux-x86_64
stage=$(mktemp -d -p "$build/dist" .stage.XXXXXX)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage meson install -C "$made" --no-rebuild --quiet >/dev/null
mv "$stage/usr/local" "$stage/$name"
tree=$stage/$name
strip "$tree/bin/cloche" "$tree/share/cloche/examples/hyperlight-codeact/example_tools.so"
strip --strip-debug --enable-deterministic-archives "$tree/lib/libcloche.a"
ln -s share/doc/cloche/README.md "$tree/README.md"
ln -s share/doc/cloche/licences/cloche "$tree/LICENSE"
chmod -R u=rwX,go=rX "$tree"

"$repo/tools/dist/symbols.py" "$glibc" "$tree" "$made/cloche-zygote"
tar -C "$stage" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -cf "$stage/$name.tar" "$name"
# a tenth more than at -19, in a tenth of the time
zstd -q -12 -T"$jobs" "$stage/$name.tar"
(cd "$stage" && sha256sum "$name.tar.zst" >"$name.tar.zst.sha256")

packed=$(stat -c %s "$stage/$name.tar.zst") unpacked=$(stat -c %s "$stage/$name.tar")
printf '%s: %d.%d MB, unpacked %d.%d MB\n' "$build/dist/$name.tar.zst" $((packed / 1000000)) \
    $((packed / 100000 % 10)) $((unpacked / 1000000)) $((unpacked / 100000 % 10))
if [ "$packed" -gt $((most_packed * 1000000)) ] || [ "$unpacked" -gt $((most_unpacked * 1000000)) ]; then
    echo "archive.sh: that is more than $most_packed MB, or unpacked than $most_unpacked MB" >&2
    exit 1
fi
mv "$stage/$name.tar.zst" "$stage/$name.tar.zst.sha256" "$build/dist/"
