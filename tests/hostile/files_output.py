"""/output beyond all quotas: sizes, names, depths and numbers of files; nothing of another run is in it."""
# expect: kind=ok stdout=held
import errno
import os
import random

TOP = "/output"
wrong = [("there before", os.listdir(TOP))] if os.listdir(TOP) else []
kept = []
fine = {errno.EFBIG, errno.EDQUOT, errno.ENOSPC, errno.ENAMETOOLONG, errno.EMFILE, errno.ENOENT, errno.ENOTDIR,
        errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EINVAL, errno.EBUSY, errno.EPERM, errno.EXDEV, errno.EROFS}


def attempt(act):
    try:
        return act()
    except OSError as error:
        if error.errno not in fine:
            wrong.append(repr(error))
    except (OverflowError, ValueError, MemoryError):
        pass


for path in (TOP + "/../etc/passwd", TOP + "/..", TOP + "/../../tmp/../output/..", "/output/a\0b", "/output/" + "x/" * 5000):
    attempt(lambda: wrong.append(open(path, "w")))
for i in range(400):
    attempt(lambda: kept.append(open(f"{TOP}/f{i}", "wb", buffering=0)))
del kept[200:]  # a listing needs one, too
for offset in (0, 1, 2**26 - 1, 2**26, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63):
    for file in random.sample(kept, 3):
        attempt(lambda: file.truncate(offset))
        attempt(lambda: file.seek(offset) >= 0 and file.write(b"yy"))
        attempt(lambda: os.pwrite(file.fileno(), b"x" * 100, offset))
for file in kept:
    attempt(lambda: file.truncate(1 << 26))
total = sum(os.stat(f"{TOP}/{name}").st_size for name in os.listdir(TOP))
if total > 256 << 20 or len(os.listdir(TOP)) > 256:
    wrong.append(("too much", total, len(os.listdir(TOP))))
for name in os.listdir(TOP):
    attempt(lambda: os.unlink(f"{TOP}/{name}"))
attempt(lambda: [file.write(b"still open") for file in kept])
kept.clear()

path = TOP
for i in range(300):
    path += "/" + "d" * random.choice((1, 50, 255))
    if attempt(lambda: os.mkdir(path) or True) is None:
        break
for i in range(5000):
    attempt(lambda: os.mkdir(f"{TOP}/folder {i}"))
names = [os.fsdecode(bytes(random.randrange(256) for _ in range(random.choice((1, 4, 255))))) for _ in range(100)]
for name in names:
    attempt(lambda: open(f"{TOP}/{name}", "w").write(name.encode("utf-8", "replace").hex()))
    attempt(lambda: os.rename(f"{TOP}/{name}", f"{TOP}/{random.choice(names)}"))
    attempt(lambda: os.rename(TOP + "/folder 1", f"{TOP}/folder 1/{name}"))
    attempt(lambda: os.symlink("/etc/passwd", f"{TOP}/link"))
    attempt(lambda: os.rename("/dev/null", f"{TOP}/null"))
print(wrong[:5] or "held")
if random.random() < 0.3:
    os._exit(0)
