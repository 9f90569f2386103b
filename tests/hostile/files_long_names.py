"""Names and paths of every length up to two mebibytes, with NULs, newlines and stray bytes in
them."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
import os

os.chdir("/tmp")
wrong = []
for length in (1, 254, 255, 256, 1000, 4095, 4096, 4097, 65535, 65536, 1 << 20):
    for unit in ("n", "é", "a/", "../", "\udcff"):
        name = unit * (length // len(unit) + 1)
        for act in (
            lambda p: open(p, "w").close(),
            os.mkdir,
            os.unlink,
            os.rmdir,
            lambda p: os.rename(p, p + "x"),
            lambda p: os.symlink(p, "link"),
            os.stat,
        ):
            try:
                act(name)
            except (OSError, UnicodeError):
                pass
for name in ("a\0b", b"a\0b", "", b"", "\n", "\x1b[2J", "*?[", ".", "..", "/", "-rf", b"\xff\xfe"):
    try:
        open(name, "w").close()
        if name in ("a\0b", b"a\0b", "", b"", ".", "..", "/"):
            wrong.append(name)
    except (OSError, ValueError):
        pass
for entry in os.listdir("."):
    if len(os.fsencode(entry)) > 255:
        wrong.append(entry[:20])
print(wrong or "held")
