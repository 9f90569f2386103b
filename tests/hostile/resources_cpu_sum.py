"""A loop that never leaves C: sum over a huge range, a search in an endless iterator."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import itertools

try:
    sum(range(10**15))
except BaseException:
    1 in itertools.cycle([0])
