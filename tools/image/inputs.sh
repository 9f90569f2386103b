#!/bin/bash
# inputs.sh: print one hash of everything that the image is made from: this pipeline, the recipe,
# part in C and prelude, src/guest, src/abi, what starts the guest and writes the image (src/image), the
# compilers, and the Debian packages once fetched. The training is none: its result, the profile, is.
# Fast and offline; the Makefile rebuilds the image when it changes.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cd "$repo"
{
    find tools/image guests/python src/guest src/abi src/image -type f ! -name '*.md' \
        ! -name 'meson.build' ! -path '*/__pycache__/*' ! -path 'guests/python/training/*' ! -path 'src/image/add/*' \
        ! -name trainer.c ! -name train.sh ! -name steps.py -print0 | sort -z | xargs -0 sha256sum
    dpkg-query -W -f '${Package} ${Version}\n' gcc-12 clang-19 lld-19 llvm-19 \
        libclang-rt-19-dev-wasm32 binutils 2>/dev/null || true
    cat "$work/fetch/versions.txt" 2>/dev/null || true
    printf 'PGO=%s\n' "${CLOCHE_PGO:-1}"
} | sha256sum | cut -d' ' -f1
