# Structural pattern matching: literals, sequences, mappings, classes, guards, captures, or.
from dataclasses import dataclass
from enum import Enum, auto


class Color(Enum):
    RED = auto()
    BLUE = auto()


@dataclass
class Circle:
    radius: float


@dataclass
class Rect:
    width: float
    height: float


class Positional:
    __match_args__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


def describe(value):
    match value:
        case None | True | False:
            return "singleton"
        case 0 | 0.0:
            return "zero"
        case int(n) if n < 0:
            return f"negative {-n}"
        case int() | float():
            return "number"
        case Color.RED:
            return "red"
        case "":
            return "empty text"
        case str() as text:
            return f"text of {len(text)}"
        case []:
            return "empty"
        case [x]:
            return f"one: {x}"
        case [first, *middle, last] if first == last:
            return f"bounded by {first}, {len(middle)} inside"
        case [first, *_]:
            return f"starts with {first}"
        case {"type": "user", "name": str(name), **rest}:
            return f"user {name} {sorted(rest)}"
        case {}:
            return "mapping"
        case Circle(radius=r) | Rect(r, _) if r > 100:
            return "huge"
        case Circle(r):
            return f"circle {r}"
        case Rect(width=w, height=h):
            return f"rect {w * h}"
        case Positional(Positional(1, inner), _):
            return f"nested {inner}"
        case _:
            return type(value).__name__


for sample in (None, True, 0, -5, 7, 2.5, Color.RED, Color.BLUE, "", "abc", [], [1], (1, 2, 1), [1, 2],
               {"type": "user", "name": "Al", "age": 3, "x": 1}, {"type": "user", "name": 5}, {},
               Circle(3), Circle(101), Rect(2, 3), Positional(Positional(1, "in"), 0), b"ab", {1, 2}):
    print(f"{sample!r:.40}", "->", describe(sample)) if not isinstance(sample, Positional) else print(describe(sample))
