# Semantics that implementations get wrong: evaluation order, finally and return, scoping, mutation while iterating, identity.
trace = []


def mark(value):
    trace.append(value)
    return value


result = mark("a") if mark(0) else mark("b")
mark("f") and mark("g") or mark("h")
dict(**{mark("k"): mark("v")})
[mark(3), mark(4)][mark(0)] = mark("stored")
print(trace)


def confusing():
    for n in range(3):
        try:
            if n == 1:
                continue
            return f"returned {n}"
        finally:
            if n == 0:
                continue_flag = True
                trace.append("finally")
    return "end"


def override():
    try:
        raise ValueError("lost")
    except ValueError:
        raise KeyError("replaced")
    finally:
        trace.clear()


print(confusing())
try:
    override()
except KeyError as error:
    print(repr(error), repr(error.__context__), trace)
x = 10


class Scope:
    x = 20
    values = [x for _ in range(2)]
    function = lambda self: x
    nested = (lambda: x)()


print(Scope.values, Scope().function(), Scope.nested)
try:
    def early():
        print(later)
        later = 1
    early()
except UnboundLocalError as error:
    print(error)
try:
    raise RuntimeError("gone after the block")
except RuntimeError as e:
    pass
print("e" in dir())
items = [1, 2, 3, 4, 5, 6]
for item in items:
    if item % 2 == 0:
        items.remove(item)
print(items)
try:
    mapping = {1: "a", 2: "b"}
    for key in mapping:
        mapping[key + 10] = "c"
except RuntimeError as error:
    print(error)
t = ([1], 2)
try:
    t[0] += [3]
except TypeError as error:
    print(error, t)
a = b = []
a += [1]
a = a + [2]
print(a, b, [f() for f in [lambda i=i: i for i in range(3)]], (lambda: (yield))().__class__.__name__)
nan = float("nan")
print(nan == nan, nan in [nan], [nan] == [nan], {nan: 1}.get(nan), sorted([3, nan, 1]) is not None, max(1, nan), 0.0 == -0.0, str(-0.0))
print(1 == True, {1: "int", True: "bool", 1.0: "float"}, [0] == [False], hash(1) == hash(1.0) == hash(True), "10" < "9", (1, "a") < (1, "b"))
print(round(0.5), round(1.5), round(-0.5), int(-0.5), -7 // 2, -7 % 2, 7 // -2, 7 % -2, 2 ** -2, (-8) ** (1 / 3) != -2, 1e16 + 1, 0.1 * 3)
print(*map(lambda s: s.split(","), ["", ",", "a,"]), "".split(), "abc"[10:], "abc"[-10:2], [][:5], "é" == "e\u0301", "ß".upper(), "a" "b" * 2)
print([i for i in range(3)][-1], [*zip([1, 2], "abc")], list(map(pow, [2, 3], [3, 2])), sum([0.1] * 10) == 1.0, [[]] * 2 == [[], []], [1, 2, 3].__contains__(2), not not [0])


def kw(a, /, b, *, c=3, **d):
    return a, b, c, d


print(kw(1, b=2), kw(1, 2, c=4, a=5), kw(*[1], **{"b": 2, "e": 6}))


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*reversed(args))

    def __getattr__(cls, name):
        return f"class attribute {name}"


class Odd(metaclass=Meta):
    def __new__(cls, *args):
        instance = super().__new__(cls)
        instance.args = args
        return instance

    def __eq__(self, other):
        return NotImplemented

    __hash__ = None


print(Odd(1, 2).args, Odd.missing, Odd(1) == 5, Odd(1) != 5)
try:
    {Odd(1)}
except TypeError as error:
    print(error)
del x
print("x" in globals(), __name__, [k for k in ("__builtins__", "__name__") if k in globals()])
