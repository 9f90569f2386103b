"""A long random history of operations, each with its result or the number of its error."""
import errno
import hashlib
import io
import os
import random
import sys

base = sys.argv[1]
os.chdir(base)
r = random.Random(int(sys.argv[2]))
names = ["a", "b", "c", "d", "e"]
handles = {}
history = hashlib.sha256()


def path():
    return "/".join(r.choice(names) for _ in range(r.choice((1, 1, 1, 2, 2, 3))))


def data():
    return bytes([r.randrange(256)]) * r.choice((0, 1, 10, 4096, 5000, 70000, 140000))


def look(name):
    s = os.stat(name)
    folder = os.path.isdir(name)
    return folder, 0 if folder else s.st_size


def opened():
    return handles[r.choice(sorted(handles))] if handles else None


def op_open():
    number = r.randrange(8)
    if number in handles:
        handles.pop(number).close()
    handles[number] = open(path(), r.choice(("rb", "rb+", "wb", "wb+", "ab", "ab+", "xb", "xb+")), buffering=0)
    return handles[number].tell()


def op_close():
    if handles:
        handles.pop(r.choice(sorted(handles))).close()


def op_write():
    f = opened()
    return f and (f.write(data()), f.tell())


def op_read():
    f = opened()
    return f and hashlib.sha256(f.read(r.choice((1, 100, 5000, 100000, -1)))).hexdigest()


def op_seek():
    f = opened()
    return f and f.seek(r.choice((-3, 0, 7, 5000, 100000)), r.randrange(3))


def op_truncate():
    f = opened()
    return f and f.truncate(r.choice((0, 1, 4095, 9000, 150000)))


def op_pwrite():
    f = opened()
    if f and not f.mode.startswith("a"):
        return os.pwrite(f.fileno(), data(), r.choice((0, 3, 5000, 60000)))


def op_size():
    f = opened()
    return f and (os.fstat(f.fileno()).st_size, os.fstat(f.fileno()).st_nlink)


def op_read_all():
    with open(path(), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def op_list():
    return sorted(os.listdir(r.choice((".", path()))))


def op_walk():
    return sorted((t, sorted(d), sorted(f)) for t, d, f in os.walk("."))


operations = [op_open] * 6 + [op_close] * 2 + [op_write] * 8 + [op_read] * 6 + [op_seek] * 4 + [op_truncate] * 2 + [
    op_pwrite] * 2 + [op_size] * 2 + [op_read_all] * 2 + [op_list, op_walk] + [
    lambda: os.mkdir(path())] * 3 + [lambda: os.rename(path(), path())] * 5 + [
    lambda: os.remove(path())] * 2 + [lambda: os.rmdir(path())] * 2 + [lambda: look(path())] * 2 + [
    lambda: os.truncate(path(), r.choice((0, 5, 20000)))]
for i in range(int(sys.argv[3])):
    operation = r.choice(operations)
    try:
        result = operation()
    except io.UnsupportedOperation as error:
        result = str(error)
    except OSError as error:
        result = errno.errorcode[error.errno]
    except ValueError as error:
        result = type(error).__name__
    history.update(repr(result).encode())
    if i % 50 == 0:
        print(i, operation.__name__, str(result)[:200], history.hexdigest()[:8])
for f in handles.values():
    f.close()
print(op_walk(), history.hexdigest())
