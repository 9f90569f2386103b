"""The same through itertools.chain, zip, filter, enumerate and reversed views."""
# expect: kind=fault|exception type=StackOverflow|OutOfBounds|RecursionError|MemoryError
# limits: --memory 128MiB
import itertools

value = iter([(1,)] * 3)
for n in range(60_000):
    value = zip(filter(None, itertools.chain(value, ())))
next(value)
raise RecursionError("the stack was deep enough")
