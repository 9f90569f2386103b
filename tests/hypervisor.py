"""Is there a hypervisor on this machine? What needs a micro-VM asks before it runs."""

import os
import unittest

MISSING = "NO /dev/kvm HERE"


def present():
    """A node that cannot be opened is none: its driver may be missing."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


needs_hypervisor = unittest.skipUnless(present(), MISSING)
