"""A dict all of whose keys collide."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 128MiB
table = {}
for n in range(10**7):
    table[n * (2**61 - 1)] = n
