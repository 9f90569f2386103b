# Generators: send, throw, close, yield from, pipelines, recursion, infinite sequences.
from itertools import islice


def averager():
    total, count, average = 0.0, 0, None
    while True:
        try:
            value = yield average
        except KeyError as error:
            average = f"reset by {error.args[0]}"
            total = count = 0
            continue
        total, count = total + value, count + 1
        average = total / count


def inner():
    try:
        received = yield 1
        print("inner got", received)
        yield 2
    finally:
        print("inner closed")
    return "inner result"


def outer():
    result = yield from inner()
    print("outer saw", result)
    yield 3


def primes():
    found = []
    candidate = 2
    while True:
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
            yield candidate
        candidate += 1


def walk(tree):
    if isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from walk(branch)
    else:
        yield tree


coroutine = averager()
next(coroutine)
print([coroutine.send(n) for n in (10, 20, 60)], coroutine.throw(KeyError("me")), coroutine.send(4))
coroutine.close()
gen = outer()
print(next(gen), gen.send("hello"), next(gen))
early = inner()
next(early)
early.close()
print(list(walk([1, (2, [3, [4]], []), "five"])))
lines = ["  one ", "", "# note", "two  "]
stripped = (line.strip() for line in lines)
print([line for line in stripped if line and not line.startswith("#")])
print(sum(x * x for x in range(10) if x % 3), max((len(w), w) for w in "the quick brown".split()))


def countdown(n):
    while n:
        n -= (yield n) or 1


print(list(islice(primes(), 15)), list(islice(countdown(9), 4)), gen.gi_frame is not None, early.gi_frame)
try:
    next(x for x in ())
except StopIteration as stop:
    print("empty", stop.value)
