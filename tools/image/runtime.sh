#!/bin/bash
# runtime.sh CDIR OBJDIR OUT.elf: compile the freestanding runtime (src/guest) against the guest's
# header and link it with the guest's objects into one static ELF above the 12 GiB line.
# Segments start on 2 MiB, so that the micro-VM can map them with large pages.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cdir=$(realpath "$1") objects=$(realpath "$2") elf=$(realpath "$3")
runtime=${CLOCHE_GUEST_RUNTIME:-$repo/src/guest}
flags=(-std=gnu11 -O2 -Wall -Wextra -march=x86-64-v2 -ffreestanding -fno-strict-aliasing
    -fno-delete-null-pointer-checks -fno-math-errno -fno-trapping-math -ffp-contract=off
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fPIE
    -fno-tree-loop-distribute-patterns -frandom-seed=cloche "-ffile-prefix-map=$repo=."
    -nostdinc -isystem "$(gcc -print-file-name=include)" -I "$runtime/include" -I "$cdir"
    -I "$repo/src" -DMEMBASE=0)

scratch=$(mktemp -d -p "$work")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/files"
find "$runtime" \( -name '*.c' -o -name '*.S' \) -printf '%P\n' | sort |
    xargs -P "$jobs" -I{} nice gcc "${flags[@]}" -c "$runtime/{}" -o "$scratch/{}.o"

mapfile -t guest < <(find "$objects" -name 'guest_*.o' | sort -V)
mapfile -t own < <(find "$scratch" -name '*.o' | sort)
[[ $(nm --defined-only "${own[@]}") == *" T clo_guest_start"* ]] ||
    die "src/guest does not define clo_guest_start" "the image's entry must be a global symbol"
gcc -static -no-pie -nostdlib -Wl,-Ttext-segment=0x300000000,-z,max-page-size=0x200000 \
    -Wl,-z,noexecstack,--build-id=none,-e,clo_guest_start,--no-warn-rwx-segments \
    -o "$scratch/out.elf" "${own[@]}" "${guest[@]}"
mv "$scratch/out.elf" "$elf"
note "$(stat -c %s "$elf") bytes"
