"""Own descriptor 1 by many file objects, close each, and let their finalizers close it again."""
# expect: kind=ok stdout_has=first
import gc
import os
import sys

print("first", flush=True)
files = []
for _ in range(500):
    try:
        files.append(open(1, "wb", buffering=0))
    except OSError:
        break
for file in files[::2]:
    try:
        file.close()
    except OSError:
        pass
del files
gc.collect()
for fd in (1, 2):
    try:
        os.fdopen(fd, "w").close()
    except OSError:
        pass
sys.stdout = None
print("to nobody")
