"""Recursion of every kind that Python itself sees: each is a RecursionError or MemoryError."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
import copy
import functools
import json
import operator
import pickle
import re
import types


def nest(make, depth=100_000, start=None):
    value = start
    for _ in range(depth):
        value = make(value)
    return value


class Attribute:
    def __getattr__(self, name):
        return getattr(self, name)

    def __repr__(self):
        return repr(self)

    def __eq__(self, other):
        return other == self

    def __add__(self, other):
        return self + other

    def __call__(self):
        return self()

    def __hash__(self):
        return hash(self)

    def __bool__(self):
        return bool(self)

    def __iter__(self):
        return iter(self)

    def __index__(self):
        return operator.index(self)


class Callable:
    pass


Callable.__call__ = Callable()
thing = Attribute()
nested_list = nest(lambda inner: [inner])
nested_tuple = nest(lambda inner: (inner,))
nested_dict = nest(lambda inner: {0: inner})


def call():
    return call()


def generator():
    yield from generator()


roads = {
    "call": call,
    "yield from": lambda: next(generator()),
    "attribute": lambda: thing.x,
    "repr": lambda: repr(thing),
    "eq": lambda: thing == Attribute(),
    "add": lambda: thing + 1,
    "callable": thing,
    "hash": lambda: {thing: 1},
    "bool": lambda: not thing,
    "iter": lambda: list(thing),
    "index": lambda: [0][thing],
    "metacall": Callable(),
    "repr list": lambda: repr(nested_list),
    "repr dict": lambda: repr(nested_dict),
    "str tuple": lambda: str(nested_tuple),
    "compare": lambda: nested_list == nest(lambda inner: [inner]),
    "deepcopy": lambda: copy.deepcopy(nested_list),
    "pickle": lambda: pickle.dumps(nested_list),
    "json": lambda: json.dumps(nested_list),
    "json loads": lambda: json.loads("[" * 100_000),
    "isinstance": lambda: isinstance(
        1, nest(lambda inner: (inner,), start=(int,)) and nested_tuple
    ),
    "partial": lambda: nest(lambda inner: functools.partial(inner), 100_000, print) and call(),
    "regex": lambda: re.compile("(" * 5000 + ")" * 5000),
    "alias": lambda: repr(nest(lambda inner: types.GenericAlias(list, (inner,)), 100_000, int)),
}
survived = []
for name, road in roads.items():
    try:
        road()
        survived.append(name)
    except (RecursionError, MemoryError, TypeError):
        pass
print(survived or "held")
