"""Symbolic links in circles, in chains, to the root's parent and to themselves."""
# expect: kind=ok stdout=held
import os
import shutil

os.chdir("/tmp")
leaks = []
try:
    os.symlink("loop", "loop")
    os.symlink("b", "a")
    os.symlink("a", "b")
    os.symlink("/etc/passwd", "passwd")
    os.symlink("../../../../../../etc/shadow", "shadow")
    os.symlink("/proc/self/mem", "mem")
    os.symlink("/", "root")
    os.symlink(".", "here")
    os.symlink("x" * 4000, "long")
    for n in range(200):
        os.symlink(f"c{n + 1}", f"c{n}")
except OSError as error:
    leaks.append(error)
paths = [
    "loop",
    "loop/x",
    "a",
    "a/b/a/b",
    "passwd",
    "shadow",
    "mem",
    "long",
    "c0",
    "c150",
    "root/" * 100 + "etc/passwd",
    "here/" * 300 + "loop",
    "root/tmp/" * 100 + "a",
]
for path in paths:
    for act in (open, os.stat, os.listdir, os.path.realpath, os.chdir, shutil.rmtree):
        try:
            answer = act(path)
            if act is not os.path.realpath:
                leaks.append((path, act.__name__, answer))
        except OSError:
            pass
count = sum(1 for _ in os.walk("/tmp", followlinks=False))
print(leaks or "held")
