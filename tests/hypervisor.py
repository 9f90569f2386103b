"""Is there a hypervisor on this machine? What needs a micro-VM asks before it runs.

With $CLOCHE_ISOLATION=process what needs a sandbox, whichever wall it has, plays by process isolation."""

import fcntl
import os
import subprocess
import unittest

KVM_GET_API_VERSION = 0xAE00
MISSING = "NO /dev/kvm HERE"


def present():
    """A node that cannot be opened is none: its driver may be missing. What does not know KVM is none either."""
    try:
        with open("/dev/kvm", "r+b", buffering=0) as device:
            return fcntl.ioctl(device, KVM_GET_API_VERSION) == 12
    except OSError:
        return False


def without():
    """What starts a command where there is no hypervisor: a mount namespace in which /dev/null lies over one that
    is there. None: it cannot be hidden."""
    if not present():
        return []
    hide = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/kvm && exec "$@"', "sh"]
    return hide if os.geteuid() == 0 and subprocess.run([*hide, "true"], capture_output=True).returncode == 0 else None


WITHOUT = without()
HIDING = "HIDING /dev/kvm NEEDS ROOT AND A MOUNT NAMESPACE"
PROCESS = os.environ.get("CLOCHE_ISOLATION") == "process"
needs_hypervisor = unittest.skipUnless(present(), MISSING)  # a micro-VM
needs_wall = unittest.skipUnless(PROCESS or present(), MISSING)  # a sandbox
