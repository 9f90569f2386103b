"""A hundred thousand iterators inside each other: the native stack ends, and with it the run."""
# expect: kind=fault|exception type=StackOverflow|OutOfBounds|RecursionError|MemoryError
# limits: --memory 128MiB
value = iter([1])
for _ in range(200_000):
    value = map(abs, value)
next(value)
raise RecursionError("the stack was deep enough")
