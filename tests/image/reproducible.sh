#!/bin/bash
# reproducible.sh BUILD: three questions to the build of the Python image.
#
# 1. Made once more of the same inputs, is it BUILD/python.image byte for byte? From a copy of the
#    sources in another folder, with an empty cache, with another environment and one compiler at a time.
#    Only what was fetched is shared with the first, and the name of the ELF file, after which an image
#    is named. If not, the differing bytes are counted and the first of them shown.
# 2. Does the profile in the repository fit the guest? Each build says so; here it is a failure.
# 3. Is that profile what the training in the repository gives?
set -euo pipefail
build=$(realpath "$1") passed=0 failed=0
cd "$(dirname "$0")/../.."
passes() { passed=$((passed + 1)); echo "reproducible: $1"; }
fails() { failed=$((failed + 1)); echo "reproducible: FAILED: $1"; }
counts() { echo "reproducible: $passed passed, $failed failed, 0 skipped"; }

first=$(realpath "$build/python.image")
inputs=$(tools/image/inputs.sh)
if [ "$(basename "$first")" != "$inputs.image" ]; then
    fails "$first was not made from these inputs ($inputs); run make image"
    counts
    exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/cloche-second-image-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cache/work" "$work/elsewhere"
cp -a tools guests src "$work/elsewhere/"
fetched=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work/fetch
if [ -d "$fetched" ]; then # else it is fetched again
    cp -a "$fetched" "$work/cache/work/fetch"
fi
export CLOCHE_CACHE=$work/cache CLOCHE_JOBS=1
image=$work/elsewhere/tools/image
elf=$work/$inputs.elf
# What another user may have set must not matter.
(umask 077 && CFLAGS=-O0 EXTRA_CFLAGS=-DOTHER LANG=de_DE.UTF-8 TZ=Asia/Tokyo CI=true \
    "$image/build.sh" "$elf") | sed -u 's/^/reproducible: /'
second=$work/second.image
walls=process
[ "$(tools/isolation.sh)" = process ] || walls="microvm process"
for wall in $walls; do
    "$build/cloche" image build --isolation="$wall" --inputs "$inputs" "$elf" "$second" || : >"$second"
    if cmp "$first" "$second"; then
        passes "the image built again, isolation $wall, the same $(sha256sum <"$first" | cut -c1-64)"
    else
        cmp -l "$first" "$second" >"$work/differences" || true
        fails "isolation $wall: $(wc -l <"$work/differences") bytes differ; offset, first, second:"
        head -20 "$work/differences"
    fi
done

profile=guests/python/profile.xz
if python3 tools/image/counts.py fit "$profile" "$CLOCHE_CACHE/work/guest/c/functions.txt" \
    "$CLOCHE_CACHE/work/use" >"$work/fit"; then
    passes "$(sed -n 's/^image-note: //p' "$work/fit")"
else
    fails "the profile does not fit:"
    cat "$work/fit"
fi

"$image/build.sh" --train "$work/profile.xz" | sed -u 's/^/reproducible: /'
if python3 tools/image/counts.py compare "$profile" "$work/profile.xz" >"$work/compared"; then
    passes "trained anew: $(tail -1 "$work/compared")"
else
    fails "the training gives another profile than guests/python/profile.xz: make profile, and commit it"
    head -40 "$work/compared"
fi
counts
[ "$failed" = 0 ]
