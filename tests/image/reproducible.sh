#!/bin/bash
# reproducible.sh BUILD: the Python image once more, of the same inputs but in another folder and
# with one compiler at a time. It must be BUILD/python.image byte for byte; if not, the differing
# bytes are counted and the first of them shown. Only what was fetched is shared with the first, and
# the name of the ELF file, after which an image is named.
#
# Without a hypervisor there is no image; then the ELF files from which it is made are compared.
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/../.."
if tools/hypervisor.sh; then what=image; else what=elf; fi
first=$(realpath "$build/python.$what")
inputs=$(tools/image/inputs.sh)
if [ "$(basename "$first")" != "$inputs.$what" ]; then
    echo "reproducible: $first was not made from these inputs ($inputs); run make image"
    echo "reproducible: 0 passed, 1 failed, 0 skipped"
    exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/cloche-second-image-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cache/work"
fetched=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work/fetch
if [ -d "$fetched" ]; then # else it is fetched again
    cp -a "$fetched" "$work/cache/work/fetch"
fi
export CLOCHE_CACHE=$work/cache CLOCHE_JOBS=1
second=$work/$inputs.elf skipped=0
tools/image/build.sh "$second" | sed -u 's/^/reproducible: /'
if [ $what = image ]; then
    second=$work/second.image
    "$build/cloche" image build --inputs "$inputs" "$work/$inputs.elf" "$second"
else
    echo "reproducible: NO /dev/kvm HERE: THE ELF FILES ARE COMPARED, NOT THE IMAGES MADE FROM THEM"
    skipped=1
fi
if cmp "$first" "$second"; then
    echo "reproducible: the $what built twice, the same $(sha256sum <"$first" | cut -c1-64)"
    echo "reproducible: 1 passed, 0 failed, $skipped skipped"
else
    cmp -l "$first" "$second" >"$work/differences" || true
    echo "reproducible: $(wc -l <"$work/differences") bytes differ; offset, first, second:"
    head -20 "$work/differences"
    echo "reproducible: 0 passed, 1 failed, $skipped skipped"
    exit 1
fi
