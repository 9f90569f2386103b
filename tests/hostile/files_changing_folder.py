"""Change a directory while it is being listed."""
# expect: kind=ok stdout=held
import os

os.mkdir("/tmp/d")
for n in range(300):
    open(f"/tmp/d/{n}", "w").close()
seen = 0
with os.scandir("/tmp/d") as entries:
    for entry in entries:
        seen += 1
        if seen > 100_000:
            break
        os.unlink(entry.path)
        if seen < 500:
            open(f"/tmp/d/new{seen}", "w").close()
iterators = [os.scandir("/tmp/d") for _ in range(50)]
for iterator in iterators:
    next(iterator, None)
for name in os.listdir("/tmp/d"):
    os.unlink("/tmp/d/" + name)
os.rmdir("/tmp/d")
for iterator in iterators:
    try:
        list(iterator)
    except OSError:
        pass
print("held" if 300 <= seen < 100_000 else seen)
