"""Folders and names: making, renaming, taking away, looking; with the number of each error."""
import errno
import os
import pathlib
import sys

base = sys.argv[1]
os.chdir(base)


def number(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except OSError as error:
        return errno.errorcode[error.errno]


def tree():
    return sorted((top.replace(base, ""), sorted(folders), sorted(files)) for top, folders, files in os.walk(base))


def put(name, text="text"):
    with open(name, "w") as f:
        f.write(text)


os.makedirs("a/b/c")
put("a/f")
put("a/b/g", "other")
print(tree(), number(os.mkdir, "a"), number(os.mkdir, "none/x"), number(os.mkdir, "a/f/x"), number(os.makedirs, "a/b"))
print(number(os.rmdir, "a/."), number(os.remove, "a/none"), number(os.remove, "a/f/x"))
print(number(os.listdir, "a/f"), number(os.listdir, "none"), number(open, "a", "w"), number(open, "a"))
print(number(open, "none/x", "w"), number(open, "a/f/x", "w"), number(open, "a/new/", "w"), number(open, "a/f/"))
print(number(os.rename, "none", "x"), number(os.rename, "a/f", "none/x"), number(os.rename, "a/f", "a/b"),
      number(os.rename, "a/b", "a/f"), number(os.rename, "a", "a/b/x"), number(os.rename, "a/b", "a"),
      number(os.rename, "a/f", "a/f"), number(os.rename, "a/f/", "x"), number(os.rename, "a/f", "x/"))
os.mkdir("empty")
print(number(os.rename, "a/b", "empty"), number(os.replace, "a/f", "empty/g"), tree())
with open("empty/g") as f:
    os.remove("empty/g")
    put("empty/g", "new")
    print(f.read(), open("empty/g").read(), os.fstat(f.fileno()).st_nlink)
with open("empty/g", "r+") as f:
    put("other", "takes its place")
    os.replace("other", "empty/g")
    f.write("NEW")
    f.seek(0)
    print(f.read(), open("empty/g").read(), os.path.exists("other"))
os.rename("empty", "ä ö\n€")
print(sorted(os.listdir(".")), sorted(os.listdir(os.fsencode(base))))
put(b"\xff\xfe raw", "bytes")
put("n" * 255, "long")
print(sorted(os.listdir(".")) == sorted(["a", "ä ö\n€", os.fsdecode(b"\xff\xfe raw"), "n" * 255]),
      open(os.fsdecode(b"\xff\xfe raw")).read(), number(open, "n" * 256, "w"), number(os.mkdir, "x/" * 3000))
os.remove(b"\xff\xfe raw")
os.remove("n" * 255)
os.utime("ä ö\n€/g", (1000, 2000.5))
s = os.stat("ä ö\n€/g")
print(s.st_atime, s.st_mtime, s.st_size, s.st_nlink, os.path.isfile("ä ö\n€/g"), os.path.isdir("a"))
os.utime("ä ö\n€/g", ns=(5, 123456789012345678))
print(os.stat("ä ö\n€/g").st_mtime_ns, number(os.utime, "none"))
p = pathlib.Path("p/q")
p.mkdir(parents=True)
(p / "one.txt").write_text("1")
(p / "two.txt").write_bytes(b"2")
(p / "three").touch()
print(sorted(str(x) for x in pathlib.Path("p").rglob("*")), sorted(x.name for x in p.glob("*.txt")),
      (p / "one.txt").rename(p / "uno.txt"), (p / "two.txt").replace(p / "uno.txt"), (p / "uno.txt").read_text(),
      (p / "three").exists(), (p / "four").exists(), number((p / "four").unlink), (p / "four").unlink(missing_ok=True))
print(sorted((e.name, e.is_dir(), e.is_file(), e.is_symlink(), e.stat().st_size if e.is_file() else 0)
             for e in os.scandir("p/q")))
with os.scandir("p") as entries:
    print([e.inode() == os.stat(e.path).st_ino for e in entries])
print(os.path.samefile("p/q/three", "p/../p/./q/three"), os.path.realpath("p/q/../q/three").replace(base, ""))
print(os.access("p", os.F_OK), os.access("p/q/three", os.R_OK | os.W_OK), os.access("none", os.F_OK))
fd = os.open("p", os.O_RDONLY | os.O_DIRECTORY)
os.mkdir("made", dir_fd=fd)
os.rename("made", "moved", src_dir_fd=fd, dst_dir_fd=fd)
print(os.listdir("p"), os.stat("moved", dir_fd=fd).st_nlink > 0, number(os.unlink, "moved", dir_fd=fd),
      os.rmdir("moved", dir_fd=fd), number(os.rmdir, "q", dir_fd=fd))
os.close(fd)
deep = base
for i in range(40):
    deep += "/d%d" % i
    os.mkdir(deep)
put(deep + "/bottom")
print(len(list(os.walk(base + "/d0"))), open(deep + "/bottom").read())
print(number(os.rmdir, "a/."), number(os.rename, "a/.", "x"))
os.chdir("/")
print([t for t in tree() if "/d" not in t[0]])
