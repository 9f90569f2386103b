"""Every mode of open(), and where reads and writes go."""
import io
import os
import sys

base = sys.argv[1]
path = base + "/modes.txt"


def attempt(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except (OSError, ValueError) as error:
        return type(error).__name__, getattr(error, "errno", None) and os.strerror(error.errno)


print(attempt(open, path), attempt(open, path, "r+"))
with open(path, "x") as f:
    print(f.write("first line\nsecond line\n"), f.tell(), f.readable(), f.writable(), f.seekable())
print(attempt(open, path, "x"), attempt(open, path).read())
with open(path, "r+") as f:
    print(f.readline(), f.tell())
    f.seek(0)
    f.write("FIRST")
    f.seek(0, 2)
    f.write("third\n")
    f.seek(3)
    print(repr(f.read()))
with open(path, "a+") as f:
    print(f.tell(), f.write("appended\n"))
    f.seek(0)
    print(f.read(7))
    f.write("at the end again\n")
    f.seek(2)
    print(repr(f.read()))
with open(path, "rb+", buffering=0) as f:
    print(f.seek(6), f.write(b"LINE"), f.tell(), f.read(3), f.seek(-4, 2), f.read(), f.truncate(20), f.tell())
    print(f.seek(0), f.readall(), f.seek(30), f.write(b"hole"), f.seek(18), f.read())
with open(path, "w+", encoding="utf-16") as f:
    f.write("ä€😀\n")
    f.seek(0)
    print(ascii(f.read()))
print(open(path, "rb").read())
with open(path, "w") as f, open(path) as g:
    f.write("seen by the other")
    print(repr(g.read()))
    f.flush()
    print(repr(g.read()))
    f.truncate(4)
    g.seek(0)
    print(repr(g.read()), os.fstat(g.fileno()).st_size)
with open(path, "rb") as f:
    print(attempt(f.write, b"x"), attempt(os.write, f.fileno(), b"x"), attempt(os.ftruncate, f.fileno(), 1))
with open(path, "wb") as f:
    print(attempt(f.read), attempt(os.read, f.fileno(), 1))
with io.open(path, "wb", buffering=1 << 20) as f:
    for i in range(5000):
        f.write(b"%06d\n" % i)
with open(path) as f:
    lines = f.readlines()
print(len(lines), lines[4321], os.path.getsize(path))
fd = os.open(path, os.O_RDWR | os.O_APPEND)
print(os.write(fd, b"end\n"), os.lseek(fd, 0, os.SEEK_CUR), os.pread(fd, 7, 7), os.lseek(fd, -4, os.SEEK_END), os.read(fd, 9))
print(os.write(fd, b"d" * 100), os.fstat(fd).st_size)
os.close(fd)
fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
print(os.pwrite(fd, b"later", 10), os.fstat(fd).st_size, attempt(os.read, fd, 1), os.fsync(fd))
os.close(fd)
print(open(path, "rb").read(), attempt(os.open, path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
big = os.urandom(3 << 20)
with open(base + "/big.bin", "wb") as f:
    f.write(big)
with open(base + "/big.bin", "rb") as f:
    print(f.read() == big, f.seek(-100, 1), f.read(7) == big[-100:-93])
os.truncate(base + "/big.bin", 1 << 20)
print(open(base + "/big.bin", "rb").read() == big[:1 << 20])
os.remove(base + "/big.bin")
