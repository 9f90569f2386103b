"""Catch MemoryError for ever and try again: only the time ends it."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 700ms --memory 64MiB
hoard = []
while True:
    try:
        hoard.append(bytearray(1 << 16))
        hoard.append([hoard] * 1000)
    except MemoryError:
        try:
            hoard.append("x" * 100)
        except MemoryError:
            continue
