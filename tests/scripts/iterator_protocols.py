# Protocols: iteration, containers, indexing, calling, hashing, length hints, attribute access, operators, async iteration.
import asyncio
from collections.abc import Iterable, Iterator, Sized
from operator import index, length_hint


class Countdown:
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return CountdownIterator(self.start)

    def __len__(self):
        return self.start

    def __contains__(self, value):
        return isinstance(value, int) and 0 < value <= self.start

    def __reversed__(self):
        return iter(range(1, self.start + 1))

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        at = index(key)
        if not -len(self) <= at < len(self):
            raise IndexError(f"no element {at}")
        return self.start - at % len(self)


class CountdownIterator:
    def __init__(self, left):
        self.left = left

    def __iter__(self):
        return self

    def __next__(self):
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left + 1

    def __length_hint__(self):
        return self.left


class Legacy:
    def __getitem__(self, n):
        if n > 3:
            raise IndexError
        return n * 10


class Lazy:
    def __init__(self):
        object.__setattr__(self, "data", {})

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self.data.setdefault(name, f"made {name}")

    def __setattr__(self, name, value):
        self.data[name] = f"set {value}"

    def __delattr__(self, name):
        del self.data[name]

    def __dir__(self):
        return sorted(self.data)

    def __call__(self, *args, **kwargs):
        return len(args), sorted(kwargs)


class Ticker:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        await asyncio.sleep(0)
        return self.n


class Meters(float):
    def __add__(self, other):
        return Meters(float(self) + other)

    __radd__ = __add__

    def __neg__(self):
        return Meters(-float(self))

    def __str__(self):
        return f"{float(self):g} m"

    def __index__(self):
        return int(self)


class Path:
    def __init__(self, *parts):
        self.parts = parts

    def __truediv__(self, other):
        return Path(*self.parts, str(other))

    def __rtruediv__(self, other):
        return Path(other, *self.parts)

    def __str__(self):
        return "/".join(self.parts)

    def __eq__(self, other):
        return isinstance(other, Path) and self.parts == other.parts

    def __hash__(self):
        return hash(self.parts)


c = Countdown(5)
print(list(c), len(c), 3 in c, "x" in c, list(reversed(c)), c[0], c[-1], c[1:4], max(c), sorted(c), dict(zip("ab", c)))
print(isinstance(c, Iterable), isinstance(c, Iterator), isinstance(c, Sized), length_hint(iter(c)), [*c, *c][:7], sum(c))
try:
    c[9]
except IndexError as error:
    print(error)
print(list(Legacy()), 20 in Legacy(), iter(lambda values=iter([1, 2, 0, 3]): next(values), 0).__class__.__name__, list(iter(lambda v=iter([1, 2, 0, 3]): next(v), 0)))
lazy = Lazy()
lazy.x = 5
print(lazy.x, lazy.y, dir(lazy), lazy(1, 2, k=3))
del lazy.x
print(lazy.x, hasattr(lazy, "_private"), getattr(lazy, "_z", "default"))
print(Meters(2) + 3, 1 + Meters(2), -Meters(4), sum([Meters(1), Meters(2)]), "abcdef"[Meters(2)], hex(Meters(255)))
print("root" / Path("a") / "b" / 3, len({Path("a", "b"), Path("a") / "b"}), Path("x") != Path("y"))


async def main():
    print([n async for n in Ticker(4)], {n: n * n async for n in Ticker(3)}, await anext(Ticker(9)))


asyncio.run(main())
first, second, *others = Countdown(6)
print(first, second, others, next(iter(Countdown(0)), "nothing"), bool(Countdown(0)), all(Countdown(3)))
