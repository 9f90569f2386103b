# Sorting and searching: keys, stability, heaps, bisect, custom comparison, partial orders, topological sort.
import bisect
import functools
import graphlib
import heapq
import operator

people = [("Ann", 31, "Oslo"), ("Bob", 25, "Rome"), ("Cyd", 31, "Bonn"), ("Dee", 25, "Oslo")]
print(sorted(people, key=operator.itemgetter(1, 0)), sorted(people, key=lambda p: (-p[1], p[2])))
print(sorted(people, key=operator.itemgetter(1), reverse=True))
natural = sorted(["f10", "f9", "f1", "g2"], key=lambda s: (s[0], int(s[1:])))
print(natural, sorted("bBaAcC", key=str.lower), sorted([3, "1", 2.5], key=float), max(people, key=lambda p: len(p[2]))[0])
compare = functools.cmp_to_key(lambda a, b: (a + b < b + a) - (a + b > b + a))
print("".join(sorted(map(str, [3, 30, 34, 5, 9]), key=compare)))
heap = []
for priority, task in [(5, "write"), (1, "plan"), (3, "test"), (1, "think")]:
    heapq.heappush(heap, (priority, task))
print([heapq.heappop(heap) for _ in range(len(heap))], heapq.nlargest(2, [4, 9, 1, 7]), heapq.nsmallest(2, people, key=lambda p: p[1]))
scores = [33, 60, 60, 77, 89]
print(bisect.bisect_left(scores, 60), bisect.bisect(scores, 60), ["FDCBA"[bisect.bisect([60, 70, 80, 90], s)] for s in scores])
bisect.insort(scores, 70)
print(scores, bisect.bisect_left([10, 20, 30], 2, key=lambda n: n // 10), scores.index(77))
graph = {"deploy": {"test", "build"}, "test": {"build"}, "build": {"fetch"}, "docs": set()}
order = list(graphlib.TopologicalSorter(graph).static_order())
print(order.index("fetch") < order.index("build") < order.index("test") < order.index("deploy"), sorted(order))
try:
    list(graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())
except graphlib.CycleError as error:
    print("cycle", sorted(set(error.args[1])))


def quicksort(items):
    if len(items) < 2:
        return items
    pivot, *rest = items
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])


def merge_sort(items):
    if len(items) < 2:
        return items
    half = len(items) // 2
    return list(heapq.merge(merge_sort(items[:half]), merge_sort(items[half:])))


numbers = [(n * 7919) % 1009 for n in range(300)]
print(quicksort(numbers) == merge_sort(numbers) == sorted(numbers), sum(numbers[:10]))
maze = ["#########", "#S..#...#", "#.#.#.#.#", "#.#...#E#", "#########"]
start = next((r, c) for r, row in enumerate(maze) for c, ch in enumerate(row) if ch == "S")
frontier, seen = [(0, start)], set()
while frontier:
    cost, (r, c) = heapq.heappop(frontier)
    if maze[r][c] == "E":
        print("shortest path", cost)
        break
    if (r, c) in seen:
        continue
    seen.add((r, c))
    for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        if maze[r + dr][c + dc] != "#":
            heapq.heappush(frontier, (cost + 1, (r + dr, c + dc)))
