"""A dict that grows by many small objects, so that not one byte is left when it fails."""
# expect: kind=limit type=MemoryError limit=memory
# limits: --memory 48MiB
table = {}
n = 0
while True:
    table[n] = str(n)
    n += 1
