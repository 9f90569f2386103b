"""Remove and rename what is in use: the root, the current folder, open files, each other."""
# expect: kind=ok stdout=held
import os

os.chdir("/tmp")
open("occupied", "w").close()
wrong = []
for act, words in (
    (os.rmdir, ["/"]),
    (os.rmdir, ["."]),
    (os.rmdir, [".."]),
    (os.unlink, ["/"]),
    (os.rename, ["/", "/tmp/r"]),
    (os.rename, ["/tmp", "/tmp/t"]),
    (os.rename, [".", "x"]),
    (os.rename, ["..", "x"]),
    (os.link, ["/", "/tmp/l"]),
    (os.link, ["/tmp", "/tmp/l"]),
    (os.symlink, ["x", "/"]),
    (os.mkdir, ["/"]),
    (os.truncate, ["/", 5]),
    (os.replace, ["/tmp", "/"]),
):
    try:
        act(*words)
        wrong.append((act.__name__, words))
    except (OSError, AttributeError):
        pass
with open("open", "w+b") as file:
    file.write(b"a" * 10_000)
    os.unlink("open")
    for round in range(50):
        file.seek(round * 9000)
        file.write(b"b" * 10_000)
    file.seek(0)
    wrong += [] if len(file.read()) == 49 * 9000 + 10_000 else ["lost bytes of an unlinked file"]
with open("one", "wb") as one, open("two", "wb") as two:
    for round in range(200):
        os.rename("one", "two")
        one.write(b"1")
        os.rename("two", "one")
os.mkdir("gone")
os.chdir("gone")
os.rmdir("/tmp/gone")
for act in (lambda: open("file", "w"), lambda: os.mkdir("sub"), lambda: os.listdir("."), os.getcwd):
    try:
        act()
    except OSError:
        pass
print(wrong or "held")
