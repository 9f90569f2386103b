"""bz2 and lzma: dictionaries and blocks that claim gigabytes."""
# expect: kind=ok stdout=held
# limits: --memory 96MiB
survived = []
try:
    import bz2

    bomb = bz2.compress(bytes(20 << 20))
    for _ in range(6):
        bomb += bomb
    try:
        survived.append(len(bz2.decompress(bomb)))
    except MemoryError:
        pass
except ImportError:
    pass
try:
    import lzma

    for size in (2**30, 2**31, 2**32 - 1):
        try:
            lzma.compress(
                b"x" * 1000,
                format=lzma.FORMAT_RAW,
                filters=[{"id": lzma.FILTER_LZMA2, "dict_size": size}],
            )
            survived.append(size)
        except (MemoryError, lzma.LZMAError, ValueError):
            pass
    try:
        header = b"\x5d\xff\xff\xff\xff" + b"\xff" * 8 + b"\x00" * 100
        lzma.decompress(header, format=lzma.FORMAT_ALONE)
    except (MemoryError, lzma.LZMAError):
        pass
except ImportError:
    pass
print(survived or "held")
