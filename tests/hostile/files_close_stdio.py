"""Close the standard descriptors under Python's feet, then fail: the error must still be told."""
# expect: kind=exception type=ValueError stdout=before
import os
import sys

print("before")
sys.stdout.flush()
for fd in range(0, 64):
    try:
        os.close(fd)
    except OSError:
        pass
raise ValueError("after the descriptors were gone")
