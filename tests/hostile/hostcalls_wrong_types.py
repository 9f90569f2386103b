"""Call tools with every type that cannot travel, and in every wrong form."""
# expect: kind=ok stdout=held
import array
import collections
import dataclasses
import datetime
import decimal
import enum

accepted = []


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Record:
    x: int = 1


values = [
    object(),
    {1, 2},
    frozenset(),
    1j,
    Color.RED,
    Record(),
    print,
    int,
    range(3),
    (n for n in "ab"),
    Ellipsis,
    NotImplemented,
    decimal.Decimal(1),
    datetime.date.today(),
    collections.deque(),
    array.array("i"),
    iter([]),
    lambda: 1,
    type("T", (), {})(),
    {1: 2},
    {None: 1},
    {b"k": 1},
    {(1,): 2},
    {"a": {3: 4}},
    [[{1}]],
    slice(1),
    property(),
    __builtins__,
    super,
    {"x": object()},
]
for value in values:
    for act in (
        lambda: call_tool("echo", value=value),
        lambda: call_tool("echo", **{"value": [value]}),
        lambda: echo(value),
        lambda: call_tool("echo", value={"deep": (1, [value])}),
    ):
        try:
            accepted.append((type(value).__name__, act()))
        except (TypeError, ValueError):
            pass
for words in (
    (),
    (1,),
    (None,),
    (b"echo",),
    ("echo", 1),
    ("echo", {"value": 1}),
    (["echo"],),
    (object(),),
    ("echo",) * 1000,
):
    try:
        accepted.append(("words", call_tool(*words)))
    except (TypeError, RuntimeError):
        pass
for more in (
    {"other": 1},
    {},
    {"value": 1, "more": 2},
    {"": 1},
    {"value\0": 1},
    {"\ud800": 1},
    {"name": "echo"},
    {"self": 1},
):
    try:
        accepted.append((more, call_tool("echo", **more)))
    except (TypeError, RuntimeError):
        pass
print(accepted or "held")
