"""Fill /tmp: its bytes count as memory, the refusal is an OSError, and removing gives room
again."""
# expect: kind=ok stdout=held
import os

written, block = 0, b"z" * (1 << 20)
try:
    with open("/tmp/full", "wb", buffering=0) as file:
        while written < 1 << 40:
            written += file.write(block)
except OSError as error:
    pass
except MemoryError:
    pass
os.unlink("/tmp/full")
with open("/tmp/again", "wb") as file:
    file.write(block)
print(
    "held"
    if 1 << 20 <= written <= 64 << 20 and os.stat("/tmp/again").st_size == 1 << 20
    else written
)
