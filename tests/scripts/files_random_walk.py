# A seeded random walk over a file system: every operation must end as it does on a real one, error or not.
import errno
import hashlib
import os
import random
import shutil
import tempfile

rng = random.Random(20240501)
root = os.path.realpath(tempfile.mkdtemp(dir="/tmp"))
names = [f"{a}{b}" for a in "abc" for b in ("", "1", "/x", "/y", "/x/deep")]
log, counts = hashlib.sha256(), {}


def path():
    return os.path.join(root, rng.choice(names))


def write():
    with open(path(), rng.choice(["wb", "ab", "r+b", "xb"])) as file:
        file.seek(rng.choice([0, 0, 10, 4095, 40_000, 2_200_000]))
        written = file.write(rng.randbytes(rng.choice([1, 100, 5000, 70_000])))
        file.flush()
        return written, file.tell()


def read():
    with open(path(), "rb") as file:
        file.seek(rng.choice([0, 5, 4096]))
        return hashlib.md5(file.read(rng.choice([-1, 10, 9000]))).hexdigest(), os.fstat(file.fileno()).st_size


def truncate():
    with open(path(), "r+b") as file:
        return file.truncate(rng.choice([0, 1, 4096, 33_000, 2_100_000]))


def tree():
    return [(os.path.relpath(d, root), sorted(dirs), sorted(files)) for d, dirs, files in sorted(os.walk(root))]


OPERATIONS = {
    "write": write, "read": read, "truncate": truncate, "tree": tree,
    "mkdir": lambda: os.mkdir(path()), "rmdir": lambda: os.rmdir(path()), "unlink": lambda: os.unlink(path()),
    "rename": lambda: os.rename(path(), path()), "replace": lambda: os.replace(path(), path()),
    "list": lambda: sorted(os.listdir(path())), "stat": lambda: (lambda p: os.path.isdir(p) or os.stat(p).st_size)(path()),
    "link": lambda: os.link(path(), path()), "symlink": lambda: os.symlink(rng.choice(names), path()),
    "readlink": lambda: os.readlink(path()), "exists": lambda: (os.path.exists(path()), os.path.islink(path())),
    "copy": lambda: shutil.copyfile(path(), path()) and None, "makedirs": lambda: os.makedirs(path(), exist_ok=True),
}
try:
    for step in range(4000):
        name = rng.choice(list(OPERATIONS))
        try:
            result = repr(OPERATIONS[name]()).replace(root, "ROOT")
        except shutil.SameFileError:
            result = "same file"
        except OSError as error:
            result = errno.errorcode[error.errno]
        counts[result if result.isupper() else "done"] = counts.get(result if result.isupper() else "done", 0) + 1
        log.update(f"{step} {name} {result}\n".encode())
        if step % 250 == 0:
            print(step, name, result[:60], log.hexdigest()[:16])
finally:
    shutil.rmtree(root)
print(sorted(counts.items()), log.hexdigest())
