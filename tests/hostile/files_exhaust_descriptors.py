"""Open files until no more open; after they are closed one more must open."""
# expect: kind=ok stdout=held
import os

held = []
try:
    for n in range(1_000_000):
        held.append(os.open("/tmp/file", os.O_RDWR | os.O_CREAT))
except OSError as error:
    reason = error.errno
folders = []
for fd in held:
    os.close(fd)
with open("/tmp/file", "w") as file:
    file.write("well")
with open("/tmp/file") as file:
    print("held" if file.read() == "well" and len(held) > 16 else len(held))
