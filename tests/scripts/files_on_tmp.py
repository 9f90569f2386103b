# Files: modes, seeking, append, binary, context managers, pathlib, glob, shutil, temporary files.
import os
import shutil
import tempfile
from pathlib import Path

root = Path(tempfile.mkdtemp(dir="/tmp"))
try:
    (root / "a" / "b").mkdir(parents=True)
    note = root / "note.txt"
    print(note.write_text("line one\nline two\n", encoding="utf-8"), note.exists(), note.stat().st_size)
    with note.open("a") as file:
        print(file.write("line three"), file.tell())
    with open(note) as file:
        print(file.readline(), end="")
        print([line.rstrip() for line in file], file.read() == "")
        file.seek(5)
        print(file.read(3))
    with open(root / "data.bin", "w+b") as file:
        file.write(bytes(range(256)) * 40)
        file.seek(-3, os.SEEK_END)
        print(file.read(), file.seek(300), file.read(4), file.truncate(1000), file.seek(0, 2))
        file.seek(5000)
        file.write(b"end")
    print(os.path.getsize(root / "data.bin"), (root / "data.bin").read_bytes()[998:1003])
    for name in ("x.py", "y.txt", "a/z.py", "a/b/w.py"):
        (root / name).touch()
    print(sorted(str(p.relative_to(root)) for p in root.rglob("*.py")), sorted(p.name for p in root.glob("*.txt")))
    print(sorted((os.path.relpath(d, root), sorted(dirs), sorted(files)) for d, dirs, files in os.walk(root)))
    shutil.copy(note, root / "copy.txt")
    shutil.copytree(root / "a", root / "tree")
    shutil.move(root / "copy.txt", root / "tree" / "moved.txt")
    print(sorted(os.listdir(root / "tree")), (root / "copy.txt").exists())
    os.rename(root / "x.py", root / "renamed.py")
    (root / "link").symlink_to("note.txt")
    print((root / "link").is_symlink(), (root / "link").read_text()[:8], os.readlink(root / "link"))
    os.utime(note, (1000000000, 1000000000.5))
    print(note.stat().st_mtime, note.suffix, note.stem, note.with_suffix(".md").name, note.parent == root)
    (root / "y.txt").unlink()
    (root / "gone.txt").unlink(missing_ok=True)
    for action in (lambda: open(root / "none"), lambda: os.rmdir(root / "a"), lambda: os.mkdir(root / "a"),
                   lambda: open(root / "a", "w"), lambda: open(note, "x"), lambda: os.listdir(note),
                   lambda: open(note).write("no"), lambda: os.remove(root / "a" / "none")):
        try:
            action()
        except OSError as error:
            print(type(error).__name__)
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+", dir=folder) as file:
        file.write("temporary")
        file.seek(0)
        print(file.read(), os.path.exists(file.name))
    print(os.path.exists(folder))
    os.chdir(root)
    Path("relative.txt").write_text("r")
    print(sorted(os.listdir("."))[:3], os.path.abspath("relative.txt") == str(root / "relative.txt"))
finally:
    os.chdir("/tmp")
    shutil.rmtree(root)
print(root.exists(), os.path.splitext("a/b.tar.gz"), os.path.join("a", "/b"), os.path.normpath("a/../b//c/."))
