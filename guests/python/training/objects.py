"""Classes of every kind, exceptions, generators, context managers, closures, pattern matching."""

import abc
import collections
import contextlib
import dataclasses
import enum
import functools
import io
import logging
import operator
import traceback
import typing
import unittest
from typing import Generic, NamedTuple, Optional, Protocol, TypeVar

T = TypeVar("T")


class Kind(enum.Enum):
    SAVINGS = "savings"
    CHECKING = "checking"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    ALL = READ | WRITE


class Insufficient(Exception):
    def __init__(self, need, have):
        super().__init__(f"need {need}, have {have}")
        self.need, self.have = need, have


@dataclasses.dataclass(order=True)
class Entry:
    amount: float
    label: str = dataclasses.field(compare=False, default="")
    tags: list = dataclasses.field(default_factory=list, compare=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Vector:
    x: float
    y: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __abs__(self):
        return (self.x * self.x + self.y * self.y) ** 0.5


class Account:
    count = 0

    def __init__(self, owner: str, kind: Kind = Kind.CHECKING):
        self.owner, self.kind = owner, kind
        self._entries: list[Entry] = []
        self._balance = 0.0
        Account.count += 1

    @property
    def balance(self):
        return round(self._balance, 2)

    def deposit(self, amount, label="deposit"):
        if amount <= 0:
            raise ValueError(f"amount must be positive: {amount!r}")
        self._balance += amount
        self._entries.append(Entry(amount, label))

    def withdraw(self, amount):
        if amount > self._balance:
            raise Insufficient(amount, self._balance)
        self._balance -= amount
        self._entries.append(Entry(-amount, "withdrawal"))

    def __repr__(self):
        return f"{type(self).__name__}({self.owner!r}, {self.balance:.2f})"

    def __eq__(self, other):
        return isinstance(other, Account) and self.owner == other.owner

    def __hash__(self):
        return hash(self.owner)

    def __len__(self):
        return len(self._entries)

    def __getitem__(self, index):
        return self._entries[index]

    def __iter__(self):
        return iter(self._entries)

    def __contains__(self, label):
        return any(entry.label == label for entry in self._entries)

    @classmethod
    def named(cls, text):
        owner, _, kind = text.partition(":")
        return cls(owner, Kind(kind or "checking"))

    @staticmethod
    def interest(balance, rate, years):
        return balance * (1 + rate) ** years - balance


class Savings(Account):
    def __init__(self, owner, rate):
        super().__init__(owner, Kind.SAVINGS)
        self.rate = rate

    def deposit(self, amount, label="saving"):
        super().deposit(amount * 1.001, label)


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...

    def describe(self):
        return f"{self.__class__.__name__.lower()} of {self.area():.3g}"


class Circle(Shape):
    __slots__ = ("radius",)

    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return 3.14159 * self.radius ** 2


class Box(Shape):
    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height


class Stack(Generic[T]):
    def __init__(self):
        self._items: list[T] = []

    def push(self, item: T) -> "Stack[T]":
        self._items.append(item)
        return self

    def pop(self) -> Optional[T]:
        return self._items.pop() if self._items else None

    def __bool__(self):
        return bool(self._items)


class Speaks(Protocol):
    def speak(self) -> str: ...


class Point(NamedTuple):
    x: int
    y: int = 0


class Typed:
    """A descriptor that checks types."""

    def __init__(self, kind):
        self.kind = kind

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance, value):
        if not isinstance(value, self.kind):
            raise TypeError(f"{self.name[1:]}: {value!r} is not {self.kind.__name__}")
        setattr(instance, self.name, value)


class Person:
    name = Typed(str)
    age = Typed(int)

    def __init__(self, name, age, **more):
        self.name, self.age = name, age
        self.__dict__.update(more)

    def __getattr__(self, attribute):
        if attribute.startswith("has_"):
            return attribute[4:] in self.__dict__
        raise AttributeError(attribute)


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None


class Tree:
    def __init__(self, keys=()):
        self.root, self.size = None, 0
        for key in keys:
            self.insert(key)

    def insert(self, key):
        self.size += 1
        if self.root is None:
            self.root = Node(key)
            return
        node = self.root
        while True:
            side = "left" if key < node.key else "right"
            child = getattr(node, side)
            if child is None:
                setattr(node, side, Node(key))
                return
            node = child

    def __iter__(self):
        def walk(node):
            if node is not None:
                yield from walk(node.left)
                yield node.key
                yield from walk(node.right)
        return walk(self.root)

    def height(self, node=False):
        node = self.root if node is False else node
        return 0 if node is None else 1 + max(self.height(node.left), self.height(node.right))


class Lru:
    def __init__(self, room):
        self.room, self.items = room, collections.OrderedDict()

    def get(self, key, default=None):
        if key not in self.items:
            return default
        self.items.move_to_end(key)
        return self.items[key]

    def put(self, key, value):
        self.items[key] = value
        self.items.move_to_end(key)
        while len(self.items) > self.room:
            self.items.popitem(last=False)


def retry(times, *kinds):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except kinds:
                    if attempt == times - 1:
                        raise
        return wrapper
    return decorate


calls = 0


@retry(3, ValueError)
def flaky(value, *, factor=2):
    global calls
    calls += 1
    if calls % 3:
        raise ValueError("not yet")
    return value * factor


@contextlib.contextmanager
def section(out, name):
    out.write(f"<{name}>")
    try:
        yield out
    finally:
        out.write(f"</{name}>")


def shape_of(value):
    match value:
        case {"kind": "circle", "r": r}:
            return Circle(r)
        case {"kind": "box", "size": [w, h]} if w > 0:
            return Box(w, h)
        case Point(x=0, y=y):
            return Box(1, y)
        case [first, *rest]:
            return shape_of(first) if rest else None
        case int() | float():
            return Circle(value)
        case str(text):
            return Box(len(text), 1)
        case _:
            return None


def evens():
    n = 0
    while True:
        received = yield n
        n = received if received is not None else n + 2


def running_mean():
    total = count = 0
    mean = None
    while True:
        value = yield mean
        total += value
        count += 1
        mean = total / count


def bank(rounds):
    accounts = [Account.named(t) for t in ("ann", "bo:checking", "cy:savings")]
    accounts.append(Savings("dee", 0.02))
    refused = 0
    for n in range(rounds):
        account = accounts[n % 4]
        try:
            if n % 3:
                account.deposit(n % 50 + 0.25)
            else:
                account.withdraw(n % 90)
        except Insufficient as error:
            refused += error.need > error.have
        except ValueError:
            refused += 1
        finally:
            last = account
    ordered = sorted(accounts, key=lambda a: a.balance, reverse=True)
    return refused, [repr(a) for a in ordered], "deposit" in last, len(set(accounts)), \
        max(accounts[1]), sum(e.amount for e in accounts[3])


def failures(rounds):
    texts = []
    for n in range(rounds):
        try:
            try:
                [1, 2][n % 5] / (n % 3) + {"a": 1}["b" if n % 2 else "a"] + int("x" if n % 7 else "7")
            except KeyError as error:
                raise RuntimeError("wrapped") from error
        except (IndexError, ZeroDivisionError) as error:
            texts.append(f"{type(error).__name__}: {error}")
        except Exception:
            texts.append(traceback.format_exc().splitlines()[-1])
    return collections.Counter(texts).most_common(2)


class StackTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()

    def test_order(self):
        self.assertEqual([self.stack.push(n) and n for n in (1, 2)], [1, 2])
        self.assertEqual(self.stack.pop(), 2)

    def test_empty(self):
        self.assertIsNone(self.stack.pop())
        with self.assertRaises(TypeError):
            Person("x", "y")


logging.basicConfig(stream=io.StringIO(), level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("training")
for turn in range(3):
    print(bank(4000)[0], failures(700))
    tree = Tree(n * 7919 % 3001 for n in range(2500))
    assert list(tree) == sorted(tree) and tree.height() > 5
    walk = Vector(0.0, 0.0)
    for n in range(6000):
        walk = walk + Vector(n % 3 - 1, n % 5 - 2) * 0.5
    cache = Lru(64)
    for n in range(8000):
        if cache.get(n * n % 97) is None:
            cache.put(n * n % 97, n)
    shapes = [shape_of(v) for v in ({"kind": "circle", "r": 2}, {"kind": "box", "size": [2, 3]},
                                    Point(0, 4), [3.5, 1], "four", None, 7) * 300]
    area = functools.reduce(operator.add, (s.area() for s in shapes if s is not None))
    text = io.StringIO()
    for n in range(500):
        with section(text, "item") as inner, contextlib.suppress(StopIteration):
            inner.write(f"{n:04d}")
            next(iter(()))
    source, mean = evens(), running_mean()
    next(source), next(mean)
    for n in range(5000):
        value = mean.send(source.send(n) if n % 9 == 0 else next(source))
    people = [Person(f"p{n}", n, mail=True) for n in range(1500)]
    adults = [p.name for p in people if p.age >= 18 and p.has_mail and not p.has_phone]
    records = sorted((Entry(n * 37 % 101, f"e{n}") for n in range(1500)), reverse=True)
    plain = [dataclasses.asdict(r) for r in records[:300]]
    changed = dataclasses.replace(records[0], label="new")
    for n in range(400):
        log.info("turn %d item %s", n, people[n % 9].name)
    outer = [lambda k=k: k * turn for k in range(50)]
    total = sum(f() for f in outer for _ in range(60)) + sum(map(flaky, range(300)))
    print(round(abs(walk), 2), len(cache.items), round(area, 1), len(text.getvalue()), value,
          len(adults), changed, len(plain), total, Right.ALL & ~Right.READ, Kind("savings").name,
          typing.get_type_hints(Stack.push), isinstance(tree, collections.abc.Iterable))
result = unittest.TextTestRunner(stream=io.StringIO()).run(
    unittest.defaultTestLoader.loadTestsFromTestCase(StackTest))
assert result.wasSuccessful()
