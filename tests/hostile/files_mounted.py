"""What is mounted, read in every way and left open; without a mount there is nothing to be had."""
# expect: kind=ok stdout=held
import os
import random

TOP = "/input"
wrong, kept = [], []
for path in (TOP + "/../etc/passwd", TOP + "/../../../etc/passwd", TOP + "/..", TOP + "//../etc/shadow"):
    try:
        with open(path, "rb") as file:
            wrong.append((path, file.read(20)))
    except OSError:
        pass

for folder, _, names in os.walk(TOP):
    for name in names[:40]:
        path = os.path.join(folder, name)
        for act in (
            lambda: kept.append(open(path, "rb", buffering=random.choice((0, 10, 70000)))),
            lambda: kept.append(os.open(folder, os.O_RDONLY)),
            lambda: os.truncate(path, 0),
            lambda: wrong.append(open(path, "r+b")),
            lambda: wrong.append(open(path + ".new", "xb")),
            lambda: os.unlink(path),
        ):
            try:
                act()
            except OSError:
                pass

into = bytearray(300000)
for file in kept:
    for offset in (0, 1, 65535, 200000, 2**31, 2**40, 2**62):
        try:
            if isinstance(file, int):
                os.pread(file, 10, offset)
            else:
                os.pread(file.fileno(), 90000, offset)
                file.seek(offset)
                file.readinto(into)
        except OSError:
            pass
print(wrong or "held")
if kept:
    os._exit(0) if random.random() < 0.3 else None
