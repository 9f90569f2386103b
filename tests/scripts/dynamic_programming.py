# Dynamic programming: knapsack, longest common subsequence, coins, partitions, edit scripts, memoisation.
from functools import cache
from math import inf


def knapsack(items, capacity):
    best = [(0, ())] * (capacity + 1)
    for name, weight, value in items:
        for room in range(capacity, weight - 1, -1):
            candidate = (best[room - weight][0] + value, best[room - weight][1] + (name,))
            best[room] = max(best[room], candidate)
    return best[capacity]


def lcs(a, b):
    table = [[""] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + x if x == y else max(table[i][j + 1], table[i + 1][j], key=len)
    return table[-1][-1]


def coins(amount, values):
    fewest, ways = [0] + [inf] * amount, [1] + [0] * amount
    for value in values:
        for total in range(value, amount + 1):
            ways[total] += ways[total - value]
            fewest[total] = min(fewest[total], fewest[total - value] + 1)
    return fewest[amount], ways[amount]


@cache
def partitions(n, largest=None):
    largest = n if largest is None else largest
    return 1 if n == 0 else sum(partitions(n - k, min(k, n - k)) for k in range(1, min(n, largest) + 1))


def longest_increasing(numbers):
    from bisect import bisect_left
    tails, parents, where = [], {}, []
    for i, number in enumerate(numbers):
        at = bisect_left(tails, number)
        tails[at:at + 1] = [number]
        where[at:at + 1] = [i]
        parents[i] = where[at - 1] if at else None
    chain, at = [], where[-1]
    while at is not None:
        chain.append(numbers[at])
        at = parents[at]
    return chain[::-1]


@cache
def grid_paths(rows, columns, blocked=frozenset({(1, 1), (2, 3)})):
    if (rows, columns) in blocked or rows < 0 or columns < 0:
        return 0
    return 1 if rows == columns == 0 else grid_paths(rows - 1, columns) + grid_paths(rows, columns - 1)


print(knapsack([("a", 12, 4), ("b", 2, 2), ("c", 1, 1), ("d", 4, 10), ("e", 1, 2)], 15))
print(lcs("AGGTAB", "GXTXAYB"), lcs("", "x"), coins(100, [1, 5, 10, 25, 50]), coins(3, [2]))
print([partitions(n) for n in range(1, 16)], partitions(100))
print(longest_increasing([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]), grid_paths(5, 5))


def matrix_chain(sizes):
    @cache
    def cost(i, j):
        if i == j:
            return 0, "ABCDEFG"[i]
        return min((cost(i, k)[0] + cost(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1],
                    f"({cost(i, k)[1]}{cost(k + 1, j)[1]})") for k in range(i, j))
    return cost(0, len(sizes) - 2)


print(matrix_chain((30, 35, 15, 5, 10, 20, 25)))
best = current = 0
for number in [-2, 1, -3, 4, -1, 2, 1, -5, 4]:
    current = max(0, current + number)
    best = max(best, current)
print("maximum subarray", best)
