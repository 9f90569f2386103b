"""Containers: json, nested dicts and lists, grouping, sorting, heaps, comprehensions, itertools."""

import bisect
import collections
import copy
import functools
import heapq
import itertools
import json
import operator
import pickle
import pprint
import random
import statistics


def orders(count):
    rng = random.Random(7)
    for n in range(count):
        yield {
            "id": f"ord-{n:05d}",
            "customer": {"name": rng.choice(["Ann", "Bo", "Çem", "Dïa"]), "vip": n % 9 == 0},
            "lines": [{"sku": f"S{rng.randrange(60)}", "qty": rng.randint(1, 5),
                       "price": round(rng.uniform(1, 99), 2)} for _ in range(n % 5 + 1)],
            "paid": None if n % 7 == 0 else n % 2 == 1,
            "tags": ["new", "gift \"wrap\"", "€uro"][: n % 4],
        }


def through_json(items):
    text = json.dumps(items)
    again = json.loads(text)
    assert again == items
    pretty = json.dumps(again[:60], indent=2, sort_keys=True, ensure_ascii=False)
    lines = [json.loads(line) for line in map(json.dumps, items[:200])]
    return len(text), len(pretty), len(lines)


def totals(items):
    by_customer = collections.defaultdict(float)
    by_sku = collections.Counter()
    for order in items:
        amount = sum(line["qty"] * line["price"] for line in order["lines"])
        by_customer[order["customer"]["name"]] += amount
        for line in order["lines"]:
            by_sku[line["sku"]] += line["qty"]
    best = max(by_customer, key=by_customer.get)
    return {name: round(total, 2) for name, total in sorted(by_customer.items())}, best, \
        by_sku.most_common(3)


def grouped(items):
    flat = [(o["customer"]["name"], line["sku"], line["qty"], line["price"])
            for o in items for line in o["lines"]]
    flat.sort(key=operator.itemgetter(0, 1))
    out = {}
    for name, group in itertools.groupby(flat, key=lambda row: row[0]):
        rows = list(group)
        out[name] = {
            "count": len(rows),
            "mean": statistics.fmean(price for *_, price in rows),
            "median": statistics.median([price for *_, price in rows]),
            "stdev": statistics.pstdev([price for *_, price in rows]),
            "skus": sorted({sku for _, sku, _, _ in rows}, key=lambda s: int(s[1:]))[:5],
        }
    flat.sort(key=lambda row: (-row[3], row[2]))
    flat.sort(reverse=True)
    return out


def shortest(width):
    """Dijkstra over a grid with weights, then the path walked back."""
    weights = {(x, y): (x * 7 + y * 13) % 10 + 1 for x in range(width) for y in range(width)}
    distance = {(0, 0): 0}
    before = {}
    queue = [(0, (0, 0))]
    while queue:
        cost, here = heapq.heappop(queue)
        if cost > distance.get(here, float("inf")):
            continue
        x, y = here
        for there in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if there not in weights:
                continue
            new = cost + weights[there]
            if new < distance.get(there, float("inf")):
                distance[there] = new
                before[there] = here
                heapq.heappush(queue, (new, there))
    path = [(width - 1, width - 1)]
    while path[-1] != (0, 0):
        path.append(before[path[-1]])
    return distance[path[0]], len(path)


def reachable(count):
    graph = {n: [n * 2 % count, (n * 3 + 1) % count, (n + 7) % count] for n in range(count)}
    seen, queue = {0}, collections.deque([(0, 0)])
    depth = {}
    while queue:
        node, level = queue.popleft()
        depth[node] = level
        for neighbour in graph[node]:
            if neighbour not in seen:
                seen.add(neighbour)
                queue.append((neighbour, level + 1))
    return max(depth.values()), len(seen)


@functools.lru_cache(maxsize=None)
def partitions(total, largest):
    if total == 0:
        return 1
    if total < 0 or largest == 0:
        return 0
    return partitions(total, largest - 1) + partitions(total - largest, largest)


def longest_common(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a, 1):
        for j, right in enumerate(b, 1):
            if left == right:
                table[i][j] = table[i - 1][j - 1] + 1
            else:
                table[i][j] = max(table[i - 1][j], table[i][j - 1])
    return table[-1][-1]


def merge_sort(values):
    if len(values) < 2:
        return values
    middle = len(values) // 2
    left, right = merge_sort(values[:middle]), merge_sort(values[middle:])
    out, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            out.append(left[i])
            i += 1
        else:
            out.append(right[j])
            j += 1
    return out + left[i:] + right[j:]


def sets_and_views(count):
    evens = {n for n in range(count) if not n & 1}
    threes = frozenset(range(0, count, 3))
    squares = {n: n * n for n in range(count)}
    inverse = {value: key for key, value in squares.items()}
    merged = squares | {"extra": 1} | dict(zip("abc", itertools.count(5)))
    for key in list(merged)[::2]:
        del merged[key]
    merged.update(x=1, y=2)
    common = squares.keys() & inverse.keys()
    return len(evens & threes), len(evens ^ threes), len(common), merged.pop("x"), len(merged), \
        sum(merged.get(n, 0) for n in range(count))


def windows(values, size):
    recent = collections.deque(maxlen=size)
    for value in values:
        recent.append(value)
        if len(recent) == size:
            yield sum(recent) / size


def matrix(n):
    a = [[(i * j + 1) % 11 for j in range(n)] for i in range(n)]
    b = [list(column) for column in zip(*a)]
    product = [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]
    flat = list(itertools.chain.from_iterable(product))
    flat[1:-1:2] = [0] * len(flat[1:-1:2])
    return sum(flat), sum(product[i][i] for i in range(n))


for _ in range(3):
    items = list(orders(600))
    print(through_json(items), totals(items)[1:], len(grouped(items)))
    print(shortest(45), reachable(4000), partitions(55, 55), matrix(32))
    partitions.cache_clear()
    print(longest_common("kitten sitting on the mitten" * 4, "written knitting sits on it" * 4))
    numbers = [n * 7919 % 10007 for n in range(4000)]
    assert merge_sort(numbers) == sorted(numbers)
    ranked = []
    for number in numbers[:1500]:
        bisect.insort(ranked, number)
    print(sets_and_views(6000), round(sum(windows(numbers, 5)), 3), ranked[10],
          heapq.nlargest(3, numbers), list(itertools.islice(itertools.combinations(numbers, 3), 2)),
          len(list(itertools.permutations(range(6)))), list(itertools.accumulate(range(10)))[-1])
    deep = copy.deepcopy(items[:150])
    assert pickle.loads(pickle.dumps(deep)) == deep
    print(len(pprint.pformat(items[:25], width=90)), repr(items[1])[:60], str(deep)[:40])
