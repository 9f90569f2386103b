"""The hash of a tuple in a tuple in a tuple: recursion in C that Python does not count."""
# expect: kind=fault|exception type=StackOverflow|OutOfBounds|RecursionError
# limits: --memory 128MiB
value = ()
for _ in range(300_000):
    value = (value,)
hash(value)
raise RecursionError("the stack was deep enough")
