"""Integers, ranges and sequences that no machine can hold."""
# expect: kind=ok stdout=held
import array
import collections
import itertools

roads = {
    "shift": lambda: 1 << 10**10,
    "shift more": lambda: 1 << 2**63,
    "sequence": lambda: [None] * 2**62,
    "tuple": lambda: (1, 2) * 2**31,
    "array": lambda: array.array("d", [0.0]) * 2**40,
    "deque": lambda: collections.deque([1]) * 2**40,
    "list range": lambda: list(range(2**62)),
    "tuple range": lambda: tuple(range(10**8)),
    "set": lambda: set(range(10**8)),
    "product": lambda: list(itertools.product(range(1000), repeat=3)),
    "big product": lambda: next(itertools.product([1] * 1000, repeat=2**31)),
    "permutations": lambda: len(list(itertools.permutations(range(12)))),
    "combinations": lambda: next(itertools.combinations([1] * 10, 2**62)),
    "tee": lambda: itertools.tee([1], 2**31 - 1),
    "memoryview": lambda: memoryview(bytearray(2**33)),
    "len": lambda: len(range(2**100)),
    "accumulate": lambda: list(itertools.accumulate(itertools.repeat("x" * 1000))),
}
survived = []
for name, road in roads.items():
    try:
        road()
        survived.append(name)
    except (MemoryError, OverflowError, ValueError, SystemError):
        pass
print(survived or "held")
