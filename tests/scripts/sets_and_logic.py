# Sets and logic: algebra, frozensets, power sets, truth tables, relations, de-duplication, Venn regions.
from itertools import chain, combinations, product

a, b = {1, 2, 3, 4}, {3, 4, 5}
print(sorted(a | b), sorted(a & b), sorted(a - b), sorted(a ^ b), {3} < a, a >= {1}, a.isdisjoint({9}), {1, 2} == {2, 1})
a.update([7, 8], (9,))
a.discard(100)
a.intersection_update(range(2, 9))
print(sorted(a), len(a), 7 in a, sorted(a.union("xy", [0]), key=str), sorted(set("mississippi")))
try:
    a.remove(100)
except KeyError as error:
    print("missing", error)
try:
    {[1]}
except TypeError as error:
    print(error)
nested = {frozenset({1, 2}), frozenset({2, 1}), frozenset()}
print(len(nested), frozenset("ab") | {"c"} == frozenset("abc"), hash(frozenset([1, 2])) == hash(frozenset([2, 1])))


def powerset(items):
    return chain.from_iterable(combinations(items, n) for n in range(len(items) + 1))


print(list(powerset("abc")), sum(1 for _ in powerset(range(10))))
print(list(dict.fromkeys([3, 1, 3, 2, 1])), sorted({x % 5 for x in range(20)}), sorted({frozenset(p) for p in [(1, 2), (2, 1), (3,)]}, key=sorted))
for p, q in product((True, False), repeat=2):
    print(*("TF"[not v] for v in (p, q, p and q, p or q, p != q, not p or q, p == q)))


def relation_properties(pairs, domain):
    pairs = set(pairs)
    return {
        "reflexive": all((x, x) in pairs for x in domain),
        "symmetric": all((y, x) in pairs for x, y in pairs),
        "transitive": all((x, z) in pairs for x, y in pairs for w, z in pairs if y == w),
        "antisymmetric": all(x == y for x, y in pairs if (y, x) in pairs),
    }


domain = range(1, 7)
print(relation_properties(((x, y) for x in domain for y in domain if y % x == 0), domain))
print(relation_properties(((x, y) for x in domain for y in domain if x % 3 == y % 3), domain))
classes = {}
for n in range(12):
    classes.setdefault(n * n % 7, set()).add(n)
print({k: sorted(v) for k, v in sorted(classes.items())})
groups = {"maths": {"ann", "bob", "cyd"}, "music": {"bob", "dee"}, "art": {"ann", "bob", "eve"}}
for n in range(1, 4):
    for names in combinations(sorted(groups), n):
        inside = set.intersection(*(groups[g] for g in names))
        outside = set().union(*(groups[g] for g in groups if g not in names))
        if inside - outside:
            print("+".join(names), sorted(inside - outside))
print(bin(0b1100 & 0b1010), bin(0b1100 | 0b1010), bin(0b1100 ^ 0b1010), [i for i in range(8) if 0b10110010 >> i & 1], (0b1011).bit_count())


def jaccard(x, y):
    x, y = set(x), set(y)
    return len(x & y) / len(x | y)


print(round(jaccard("night", "nacht"), 4), jaccard("ab", "ab"), max(("nacht", "light", "knight"), key=lambda w: jaccard("night", w)))
satisfying = [v for v in product((0, 1), repeat=4) if (v[0] or not v[1]) and (v[1] or v[2]) and (not v[0] or v[3]) and sum(v) == 2]
print(satisfying)
