# copy and pickle: shallow and deep copies, cycles, custom state, reducers, protocols, errors, shelve.
import copy
import io
import os
import pickle
import shelve
import tempfile
from dataclasses import dataclass
from datetime import date


@dataclass
class Account:
    owner: str
    history: list
    secret: str = "hidden"

    def __getstate__(self):
        state = self.__dict__.copy()
        state["secret"] = None
        return state


class Singleton:
    instance = None

    def __new__(cls):
        cls.instance = cls.instance or super().__new__(cls)
        return cls.instance

    def __reduce__(self):
        return (Singleton, ())


class Node:
    def __init__(self, value):
        self.value, self.links = value, [self]

    def __deepcopy__(self, memo):
        clone = Node(self.value * 10)
        memo[id(self)] = clone
        return clone


original = {"list": [1, [2, 3]], "tuple": ([4],), "set": {5}}
shallow, deep = copy.copy(original), copy.deepcopy(original)
original["list"][1].append("new")
print(shallow["list"] is original["list"], deep["list"], deep["tuple"][0] is original["tuple"][0])
cycle = [1]
cycle.append(cycle)
again = copy.deepcopy(cycle)
print(again[1] is again, again is not cycle, repr(again), copy.deepcopy(Node(4)).value)
values = [None, True, 2**100, -1.5, "ü", b"\x00", (1, (2,)), [3], {4: {5}}, frozenset({6}), date(2024, 1, 2), range(3), slice(1, 2), complex(1, 2), len, Account]
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    packed = pickle.dumps(values, protocol)
    print(protocol, pickle.loads(packed) == values, end="; ")
print()
account = pickle.loads(pickle.dumps(Account("ann", [10, -3])))
print(account, pickle.loads(pickle.dumps(Singleton())) is Singleton(), pickle.loads(pickle.dumps(cycle))[1][1][0])
file = io.BytesIO()
pickler = pickle.Pickler(file)
pickler.dump("one")
pickler.dump(["two"])
file.seek(0)
print(pickle.load(file), pickle.load(file))
for bad in (lambda: pickle.dumps(lambda: 1), lambda: pickle.loads(b"junk"), lambda: pickle.loads(b""), lambda: pickle.dumps(open)):
    try:
        print(type(bad()).__name__)
    except Exception as error:
        print(type(error).__name__)


class Guarded(pickle.Unpickler):
    def find_class(self, module, name):
        if module == "builtins" and name in {"range", "complex"}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is forbidden")


print(Guarded(io.BytesIO(pickle.dumps(range(5)))).load())
try:
    Guarded(io.BytesIO(pickle.dumps(os.path.join))).load()
except pickle.UnpicklingError as error:
    print(str(error).replace("posixpath", "path"))
with tempfile.TemporaryDirectory() as folder:
    import dbm.dumb
    with dbm.dumb.open(os.path.join(folder, "shelf"), "c") as store, shelve.Shelf(store, writeback=True) as shelf:
        shelf["a"] = [1]
        shelf["a"].append(2)
        shelf.sync()
        print(sorted(shelf.items()), "b" in shelf)
