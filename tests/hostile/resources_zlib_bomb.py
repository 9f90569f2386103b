"""Eighty megabytes of zeros in a few kilobytes, through every decompressor there is."""
# expect: kind=ok stdout=held
import zlib

packer = zlib.compressobj(1)
bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
survived = []
for road in (
    lambda: zlib.decompress(bomb),
    lambda: zlib.decompress(bomb, bufsize=2**31),
    lambda: zlib.decompressobj().decompress(bomb),
    lambda: zlib.decompress(bomb, bufsize=2**62),
):
    try:
        survived.append(len(road()))
    except (MemoryError, OverflowError):
        pass
print(survived or "held")
