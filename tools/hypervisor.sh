#!/bin/sh
# hypervisor.sh: exit status 0 if /dev/kvm is KVM's (10, 232 in hexadecimal) and can be opened; else 1, and
# the reason on stderr.
if [ "$(stat -L -c %t:%T /dev/kvm 2>/dev/null)" = a:e8 ] && (exec 3<>/dev/kvm) 2>/dev/null; then
    exit 0
fi
echo "No Hypervisor was found for Sandbox: /dev/kvm is missing or cannot be opened for reading and" >&2
echo "writing here. In a virtual machine, turn nested virtualisation on; in a container, pass the" >&2
echo "device (--device=/dev/kvm); without root, join the group that owns it." >&2
exit 1
