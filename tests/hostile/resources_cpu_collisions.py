"""A dict all of whose keys collide: enough of them to fill the time, too few to fill the memory."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 128MiB
table = {}
while True:
    for n in range(20_000):
        table[n * (2**61 - 1)] = n
