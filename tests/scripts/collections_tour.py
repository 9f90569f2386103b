# collections: Counter, defaultdict, deque, OrderedDict, ChainMap, namedtuple, UserDict.
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Mapping, MutableSequence, Sequence

words = "it was the best of times it was the worst of times".split()
count = Counter(words)
print(count.most_common(3), count["none"], count.total(), sorted((count - Counter(of=1, times=5)).items()))
print(Counter("aab") + Counter("abc"), Counter("aab") & Counter("abc"), Counter("aab") | Counter("abc"), +Counter(a=1, b=-2))
count.subtract(["it", "it", "it"])
print(count["it"], sorted(Counter(a=3, b=1).elements()))
tree = lambda: defaultdict(tree)
root = tree()
root["a"]["b"]["c"] = 1
print(dict(root["a"]["b"]), list(root), defaultdict(list, x=[1])["y"])
queue = deque(range(5), maxlen=5)
queue.append(99)
queue.appendleft(-1)
queue.rotate(2)
print(queue, queue.pop(), queue.popleft(), list(reversed(queue)), queue.index(1), queue.maxlen)
ordered = OrderedDict.fromkeys("abcd")
ordered.move_to_end("a")
ordered.move_to_end("d", last=False)
print(list(ordered), ordered.popitem(last=False)[0], OrderedDict(a=1, b=2) == OrderedDict(b=2, a=1))
scope = ChainMap({"x": 1}, {"x": 2, "y": 3})
inner = scope.new_child({"z": 9})
inner["y"] = "shadow"
print(inner["x"], inner["y"], scope["y"], sorted(inner), dict(inner.parents) == dict(scope))
Point = namedtuple("Point", "x y z", defaults=[0])
p = Point(1, y=2)
print(p, p._asdict(), p._replace(z=5), Point._fields, Point._make([7, 8, 9]), p + (3,), p == (1, 2, 0))


class Lower(UserDict):
    def __setitem__(self, key, value):
        super().__setitem__(key.lower(), value)

    def __missing__(self, key):
        return f"<{key}>"


class Grid(MutableSequence):
    def __init__(self, items):
        self._items = list(items)

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        return self._items[index]

    def __setitem__(self, index, value):
        self._items[index] = value

    def __delitem__(self, index):
        del self._items[index]

    def insert(self, index, value):
        self._items.insert(index, value)


lower = Lower(ABC=1)
lower.update(Def=2)
print(dict(lower), lower["zzz"], "abc" in lower, isinstance(lower, Mapping), UserList([3, 1]) + [2])
grid = Grid("hello")
grid.extend("!?")
grid.remove("l")
grid.reverse()
print("".join(grid), grid.count("l"), grid.pop(0), isinstance(grid, Sequence), "e" in grid, grid.index("o"))
d = {"b": 1, "a": 2} | {"c": 3}
d |= [("a", 5)]
print(d, list(reversed(d)), d.keys() & {"a", "z"}, d.items() - {("c", 3)} == {("b", 1), ("a", 5)}, d.setdefault("q", []), d.pop("nope", None))
