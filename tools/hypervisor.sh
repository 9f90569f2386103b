#!/bin/sh
# hypervisor.sh: exit status 0 if /dev/kvm can be opened; else 1, and the reason on stderr.
if [ -c /dev/kvm ] && (exec 3<>/dev/kvm) 2>/dev/null; then
    exit 0
fi
echo "No Hypervisor was found for Sandbox: /dev/kvm is missing or cannot be opened for reading and" >&2
echo "writing here. In a virtual machine, turn nested virtualisation on; in a container, pass the" >&2
echo "device (--device=/dev/kvm); without root, join the group that owns it." >&2
exit 1
