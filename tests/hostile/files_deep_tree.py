"""A tree of directories as deep as it will go, then walk it, rename inside it and remove it."""
# expect: kind=ok stdout=held
import os
import shutil

os.chdir("/tmp")
depth = 0
try:
    for depth in range(100_000):
        os.mkdir("d")
        os.chdir("d")
except OSError:
    pass
try:
    os.rename("/tmp/d", "d")  # into its own descendant
    print("a directory became its own ancestor")
except OSError:
    pass
os.chdir("/tmp")
try:
    sum(1 for _ in os.walk("/tmp"))
    shutil.rmtree("/tmp/d", ignore_errors=True)
except RecursionError:
    pass
print("held" if 10 < depth < 100_000 else depth)
