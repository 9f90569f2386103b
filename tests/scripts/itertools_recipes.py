# itertools: combinatorics, grouping, windows, merging, accumulation.
import itertools as it
import operator
from heapq import merge

print(list(it.permutations("abc", 2)), list(it.combinations(range(4), 3)))
print(list(it.product("ab", repeat=2)), list(it.combinations_with_replacement("xy", 3)))
words = sorted(["apple", "ant", "bee", "bear", "cat"], key=lambda w: w[0])
print({key: list(group) for key, group in it.groupby(words, key=lambda w: w[0])})
print(list(it.accumulate([3, 1, 4, 1, 5], max)), list(it.accumulate(range(1, 6), operator.mul, initial=1)))
print(list(it.chain.from_iterable([[1], [], [2, 3]])), list(it.compress("abcdef", [1, 0, 1, 0, 1, 1])))
print(list(it.dropwhile(lambda x: x < 3, [1, 3, 2, 5])), list(it.takewhile(lambda x: x < 3, [1, 2, 3, 1])))
print(list(it.zip_longest("ab", "xyz", fillvalue="-")), list(it.starmap(pow, [(2, 5), (3, 2)])))
print(list(it.pairwise("abcd")), list(it.batched("abcdefg", 3)), list(it.filterfalse(str.isdigit, "a1b2")))
a, b = it.tee(iter(range(5)))
print(next(a), next(a), list(b), list(a))


def window(iterable, size):
    from collections import deque
    iterator = iter(iterable)
    current = deque(it.islice(iterator, size), maxlen=size)
    if len(current) == size:
        yield tuple(current)
    for item in iterator:
        current.append(item)
        yield tuple(current)


def run_length(text):
    return "".join(f"{len(list(group))}{char}" for char, group in it.groupby(text))


print(list(window("abcde", 3)), run_length("aaabccdddd"))
print(list(it.islice(it.cycle("AB"), 5)), list(it.islice(it.count(10, -3), 4)), list(it.repeat("z", 3)))
print(list(merge([1, 4, 9], [2, 3, 10], [5])), sum(1 for _ in it.combinations(range(20), 5)))
print(dict(zip("abc", it.count(1))), list(map("{}{}".format, "ab", it.cycle([1, 2]))))
print(["".join(p) for p in it.product("01", repeat=3) if p.count("1") == 2])
total = 0
for x, y, z in it.product(range(1, 30), repeat=3):
    if x <= y and x * x + y * y == z * z:
        total += 1
print("pythagorean triples below 30:", total)
