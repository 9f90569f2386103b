#!/bin/bash
# fetch.sh: what tests/wasm needs and the repository does not hold: the specification's tests, from
# the source package of Debian 12's binaryen, and Debian 13's wabt, which the image is made with.
# Prints two folders: the tests, and that of the programs wasm2c and wast2json. Uses the network once.
set -euo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/../../tools/image/common.sh"
. "$here/apt.sh"

# The tools: unpacked by the image's recipe; when the image came ready-made, by its first two steps.
if [ ! -e "$work/toolchain/bin/wasm2c" ]; then
    exec 9>"$work/lock"
    flock 9
    "$here/fetch.sh" >&2
    "$here/toolchain.sh" >&2
    exec 9>&-
fi
root=$work/toolchain/root/usr

# From here on in a folder of our own: a package list fetched anew must not disturb an image's build.
work=$(dirname "$work")/wasm-spec
mkdir -p "$work"
exec 9>"$work/fetch.lock"
flock 9

folder=$work/spec-$(digest "$tests/fetch.sh" "$tests/sources.sha256")
if ! stage_ready "$folder"; then
    stage_begin "$folder"
    apt_private host
    apt_run host apt-get update >&2 ||
        die "the package lists of this Debian could not be had" "does 'apt-get update' work here?"
    (cd "$folder.new" && apt_run host apt-get source --download-only --only-source --tar-only \
        binaryen >&2) ||
        die "the source package binaryen could not be had" "see the line that starts with E: above"
    (cd "$folder.new" && sha256sum --check --quiet "$tests/sources.sha256" >&2) ||
        die "the tests are not those that expected.txt was written for" \
            "compare with tests/wasm/sources.sha256; change it only after reading what changed"
    tar -C "$folder.new" --strip-components=3 -xf "$folder.new"/binaryen_*.orig.tar.gz \
        --wildcards '*/test/spec/*.wast'
    rm "$folder.new"/binaryen_*
    stage_end "$folder"
fi

mkdir -p "$work/bin"
ln -sfn "${root%/root/usr}/bin/wasm2c" "$work/bin/wasm2c"
cat >"$work/bin/wast2json.new" <<EOF
#!/bin/sh
exec "$root/lib64/ld-linux-x86-64.so.2" --argv0 wast2json \\
    --library-path "$root/lib/x86_64-linux-gnu" "$root/bin/wast2json" "\$@"
EOF
chmod +x "$work/bin/wast2json.new"
mv "$work/bin/wast2json.new" "$work/bin/wast2json"
printf '%s\n' "$folder" "$work/bin"
