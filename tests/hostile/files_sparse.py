"""Files of absurd sizes by seek and truncate: an error at once, or a hole that costs nothing."""
# expect: kind=ok stdout=held
import os

wrong = []
for offset in (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**53, 2**62, 2**63 - 1):
    with open("/tmp/sparse", "wb", buffering=0) as file:
        for act in (
            lambda: os.pwrite(file.fileno(), b"x", offset),
            lambda: file.truncate(offset),
            lambda: (file.seek(offset), file.write(b"yy")),
        ):
            try:
                act()
            except (OSError, OverflowError, MemoryError):
                pass
    size = os.stat("/tmp/sparse").st_size
    try:
        with open("/tmp/sparse", "rb") as file:
            tail = file.seek(max(0, size - 100)) >= 0 and file.read(200)
            wrong += [] if len(tail) == min(size, 100) else [(offset, size, len(tail))]
    except (OSError, OverflowError):
        pass
    os.unlink("/tmp/sparse")
try:
    with open("/tmp/whole", "wb") as file:
        file.truncate(2**40)
    with open("/tmp/whole", "rb") as file:
        file.read()
    wrong.append("read a terabyte")
except (OSError, OverflowError, MemoryError):
    pass
print(wrong or "held")
