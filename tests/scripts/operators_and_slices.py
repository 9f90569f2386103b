# Core syntax: slicing, unpacking, comprehensions, walrus, chained comparison, conditional, loops with else, scopes.
numbers = list(range(10))
print(numbers[2:8:3], numbers[::-2], numbers[-3:], numbers[:-7], numbers[20:], numbers[5:2], numbers[5:2:-1])
copy = numbers[:]
copy[2:5] = ["x"]
copy[::3] = "ABC"
del copy[-2:]
print(copy, numbers[slice(1, None, 4)], "hello"[1:-1], (1, 2, 3)[::-1], range(0, 20, 3)[2:5], list(range(10, 0, -4)))
first, *rest = "abc"
*start, last = range(4)
(a, b), [c, *d] = (1, 2), (3, 4, 5)
x, y = y, x = 1, 2
print(first, rest, start, last, a, b, c, d, x, y)
print([*range(3), *"ab"], {**{"k": 1}, "l": 2, **{"k": 3}}, {*[1, 2], *[2, 3]} == {1, 2, 3}, (*"xy",))
print([r * c for r in range(3) for c in range(4) if r != c], [[c for c in range(r)] for r in range(4)], {n % 3: n for n in range(7)}, {len(w) for w in ("a", "bb", "cc")} == {1, 2})
if (n := len(numbers)) > 5:
    print("walrus", n, [y for v in range(6) if (y := v * v) % 2], y)
print(1 < 2 < 3 > 2 != 5, 1 < 3 < 2, 0 or [] or "last", 1 and 0 and 5, not [], "a" if [] else "b", None is None, 5 in numbers, [] == [], [] is [])
for n in range(2, 12):
    for factor in range(2, n):
        if n % factor == 0:
            break
    else:
        print(n, end=" ")
        continue
    if n == 9:
        break
else:
    print("never here")
print()
count = 5
while count:
    count -= 1
    if count == 3:
        continue
    print(count, end=" ")
else:
    print("while else")
value = "global"


def outer():
    value = "outer"

    def inner():
        nonlocal value
        value += "+inner"
        return value

    def reader():
        global value
        return value

    return inner(), reader(), value, [value for value in "c"][0], value


print(outer(), value)
print(0.1 + 0.2 == 0.3, 7 // 2, -7 // 2, 7 % -3, 2**-1, 2**0.5, 10 // 3 * 3 + 10 % 3, 5 / 2, 1e3, 0x1F, 0b11, 0o17, 1_000, 3 + 4j, (3 + 4j).conjugate() * 2j, abs(3 + 4j))
print("abc" < "abd", [1, 2] < [1, 2, 0], (2,) > (1, 9), "a" * 3, [0] * 3, "x" in "xyz", not 1 == 2, 3 == 3.0, True == 1, "1" == 1)
i = 5
i += 2; i *= 3; i -= 1; i //= 2; i **= 2; i %= 60; i <<= 1; i |= 1; i ^= 8; i >>= 1; i &= 14
print(i, f"{i:04b}", type(i).__name__, isinstance(i, (str, int)), id(i) == id(i), bool("False"), int("  42 "), float("1e-3"), str(1.0), list("ab"), tuple([1]), dict(a=1), set("aa"))
print(sum([[1], [2]], []), max("apple", "fig", key=len), min([3, 1, 2], default=0), sorted("hello"), any([]), all([]), list(zip(*[(1, 2), (3, 4)])), list(enumerate("ab", 1)), divmod(17, 5), round(2.675, 2), pow(2, 10, 1000), abs(-5), chr(97), ord("a"), hex(255), callable(len))
matrix = [[1, 2, 3], [4, 5, 6]]
print([list(row) for row in zip(*matrix)], [v for row in matrix for v in row], [row[1] for row in matrix], list(map(sum, matrix)), list(filter(None, [0, 1, "", "x"])), list(reversed([1, 2])))
lists = [[]] * 2
lists[0].append(1)
print(lists, [[] for _ in range(2)], (lambda *args, **kwargs: (args, kwargs))(1, *[2], k=3, **{"z": 4}))
