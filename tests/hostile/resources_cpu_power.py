"""One C call that takes hours: 10 ** 10 ** 8."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 256MiB
10**10**8
