"""JSON that nests, repeats and inflates."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
import json

wrong = []
texts = [
    "[" * 200_000,
    '{"a":' * 200_000,
    "[" * 100_000 + "]" * 100_000,
    "9" * 1_000_000,
    "-" * 100_000,
    "1e" + "9" * 100_000,
    '"' + "\\u0041" * 500_000 + '"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    "{" + ",".join('"a": 1' for _ in range(200_000)) + "}",
    " " * 5_000_000 + "1",
    "[" + "1," * 1_000_000,
    '"' + "\x01" * 100,
    "NaN" * 10,
    "Infinity",
    "-Infinity",
    "\ufeff1",
    '"\\',
    "tru",
    "[1,]",
    "{1:2}",
    "\0",
]
for text in texts:
    for act in (
        json.loads,
        lambda t: json.JSONDecoder(parse_int=float).decode(t),
        lambda t: json.loads(t.encode()),
        lambda t: json.loads(t.encode("utf-16")),
    ):
        try:
            act(text)
        except (ValueError, RecursionError, MemoryError, OverflowError):
            pass


class Endless(dict):
    def items(self):
        return [("x", self)]


class Key(str):
    def __str__(self):
        raise KeyError


for value in (
    Endless(a=1),
    {Key("a"): Key("b")},
    {float("nan"): float("inf")},
    {(1,): 2},
    [object()],
    {None: {True: {1.5: 1}}},
    "\ud800" * 1000,
    10**5000,
):
    for indent in (None, 2**31, "x" * 1000):
        try:
            json.dumps(value, indent=indent if indent != 2**31 else 1)
        except (ValueError, TypeError, RecursionError, MemoryError, KeyError):
            pass
print(wrong or "held")
