"""Endless iterators consumed by C code with a bounded container: no Python code runs at all."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import collections
import itertools

collections.deque(itertools.repeat(None), maxlen=0)
