#!/bin/bash
# The hardware path: run the micro-VM's tests and Python itself under KVM on AMD's SVM, which QEMU
# emulates in software, with Debian's kernel and its kvm-amd. No hypervisor of this machine is used.
#
#   tests/hw/run.sh BUILD [NAME...]   run all, or the programs named (fault, restore, command, ...)
#
# The last line printed is `hw: N passed, N failed, N skipped`.
#
# kernel.sh fetches the kernel, initramfs.py packs BUILD's programs, guest/ is what runs inside,
# report.py reads the serial line and counts, timing.txt says what emulation is too slow for. The
# whole serial log stays in BUILD/hw/serial.log.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:?give the build folder}")
shift
seconds=${CLOCHE_HW_SECONDS:-1750} # from power-on to power-off; emulation is slow

not_run() {
    echo "The hardware path could not be tested: $1" >&2
    echo "hw: 0 passed, 1 failed, 0 skipped"
    exit 1
}

"$here/../../tools/deps.sh" hw || not_run "packages are missing"
kernel=$("$here/kernel.sh") || not_run "there is no kernel to boot"
release=$(ls "$kernel/lib/modules")
mkdir -p "$build/hw"
"$here/initramfs.py" --build "$build" --modules "$kernel/lib/modules/$release" \
    --output "$build/hw/initramfs.cpio" --list "$build/hw/programs.txt" "$@" || not_run "see above"

echo "booting Linux $release on emulated SVM"
exec "$here/report.py" --seconds "$seconds" --log "$build/hw/serial.log" \
    --programs "$build/hw/programs.txt" -- \
    qemu-system-x86_64 -accel tcg -cpu max,+svm -machine q35 -m 2048 -smp 1 \
    -nodefaults -no-reboot -display none -monitor none -serial stdio \
    -kernel "$kernel/boot/vmlinuz-$release" -initrd "$build/hw/initramfs.cpio" \
    -append "console=ttyS0 quiet panic=-1"
