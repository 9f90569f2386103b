"""Change containers while C code walks them: sort, dict iteration, set operations, deque
rotation."""
# expect: kind=ok stdout=held
import collections
import functools
import heapq
import itertools
import operator

survivors = []
items, table, group, queue = (
    list(range(100)),
    dict.fromkeys(range(100)),
    set(range(100)),
    collections.deque(range(100)),
)
ordered = collections.OrderedDict.fromkeys(range(100))


class Evil(int):
    def wreck(self):
        for thing in (items, table, group, queue, ordered):
            thing.clear()
        items.extend([Evil(n) for n in range(50)])

    def __eq__(self, other):
        self.wreck()
        return False

    def __lt__(self, other):
        self.wreck()
        return True

    def __hash__(self):
        return 1

    def __del__(self):
        if len(items) < 1000:
            items.append(None)

    def __repr__(self):
        self.wreck()
        return "evil"


for act in (
    lambda: items.sort(key=lambda n: items.clear() or n),
    lambda: items.sort(),
    lambda: items.index(Evil(5)),
    lambda: items.remove(Evil(7)),
    lambda: items.count(Evil(1)),
    lambda: repr(items),
    lambda: items == [Evil(0)] * 100,
    lambda: [table.pop(key) for key in table],
    lambda: table.update({Evil(n): n for n in range(9)}),
    lambda: table == {Evil(1): 2},
    lambda: group.update(Evil(n) for n in range(50)),
    lambda: group & {Evil(n) for n in range(9)},
    lambda: group - {Evil(1)},
    lambda: [queue.append(n) for n in queue],
    lambda: queue.index(Evil(3)),
    lambda: queue.remove(Evil(3)),
    lambda: queue == collections.deque([Evil(0)] * 100),
    lambda: [ordered.move_to_end(key) or ordered.popitem() for key in ordered],
    lambda: ordered == collections.OrderedDict({Evil(1): 1}),
    lambda: heapq.heapify(items),
    lambda: heapq.heappush(items, Evil(1)),
    lambda: functools.reduce(lambda a, b: items.clear(), items),
    lambda: list(map(operator.eq, items, [Evil(n) for n in range(100)])),
    lambda: min(items, key=Evil),
    lambda: list(itertools.groupby(items, Evil)),
    lambda: items.__setitem__(slice(None, None, 2), (items.clear() or n for n in range(50))),
    lambda: items.extend(n for n in items if not items.clear()),
):
    items[:] = [Evil(n) for n in range(100)]
    table.clear(), table.update(dict.fromkeys(range(100)))
    try:
        act()
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError):
        pass
print(survivors or "held")
