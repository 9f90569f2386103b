#!/bin/bash
# reproducible.sh BUILD: the Python image once more, of the same inputs but in another folder and
# with one compiler at a time. It must be BUILD/python.image byte for byte; if not, the differing
# bytes are counted and the first of them shown. Only what was fetched is shared with the first, and
# the name of the ELF file, after which an image is named.
set -euo pipefail
build=$(realpath "$1") first=$(realpath "$1/python.image")
cd "$(dirname "$0")/../.."
inputs=$(tools/image/inputs.sh)
if [ "$(basename "$first")" != "$inputs.image" ]; then
    echo "reproducible: $first was not made from these inputs ($inputs); run make image"
    echo "reproducible: 0 passed, 1 failed, 0 skipped"
    exit 1
fi
if [ ! -w /dev/kvm ]; then
    echo "reproducible: the image is initialised in a micro-VM, and there is NO /dev/kvm"
    echo "reproducible: 0 passed, 0 failed, 1 skipped"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/cloche-second-image-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cache/work"
fetched=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work/fetch
if [ -d "$fetched" ]; then # else it is fetched again
    cp -a "$fetched" "$work/cache/work/fetch"
fi
export CLOCHE_CACHE=$work/cache CLOCHE_JOBS=1
tools/image/build.sh "$work/$inputs.elf" | sed -u 's/^/reproducible: /'
"$build/cloche" image build --inputs "$inputs" "$work/$inputs.elf" "$work/second.image"
if cmp "$first" "$work/second.image"; then
    echo "reproducible: built twice, the same $(sha256sum <"$first" | cut -c1-64)"
    echo "reproducible: 1 passed, 0 failed, 0 skipped"
else
    cmp -l "$first" "$work/second.image" >"$work/differences" || true
    echo "reproducible: $(wc -l <"$work/differences") bytes differ; offset, first, second:"
    head -20 "$work/differences"
    echo "reproducible: 0 passed, 1 failed, 0 skipped"
    exit 1
fi
