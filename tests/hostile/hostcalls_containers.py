"""Containers that contain themselves, are too deep or too wide, or lie about their contents."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []


def refused(what, value):
    try:
        call_tool("measure", value=value)
        wrong.append(what)
    except (TypeError, ValueError, RuntimeError, RecursionError, MemoryError):
        pass


loop = []
loop.append(loop)
ring = {"a": {}}
ring["a"]["b"] = ring
knot = ([],)
knot[0].append(knot)
deep = []
for _ in range(1_000_000):
    deep = [deep]
deeper = {}
for _ in range(200_000):
    deeper = {"k": deeper}
refused("loop", loop)
refused("ring", ring)
refused("knot", knot)
refused("deep", deep)
refused("deeper", deeper)
refused("wide", [None] * (1 << 21))
refused("wide in pieces", [[None] * 1025] * 1025)
for depth, good in ((10, True), (90, True), (200, False), (1000, False), (100_000, False)):
    value = 1
    for _ in range(depth):
        value = [value]
    try:
        call_tool("measure", value=value)
        wrong += [] if good else [depth]
    except (ValueError, RuntimeError):
        wrong += [depth] if good else []


class LyingDict(dict):
    def items(self):
        return [(1, 2)] * 10**6

    keys = values = __iter__ = items

    def __len__(self):
        return 2**30


class LyingList(list):
    def __len__(self):
        return 2**30

    def __iter__(self):
        while True:
            yield self


class LyingStr(str):
    def encode(self, *words):
        return b"\xff" * 100

    def __len__(self):
        return 2**30


class LyingInt(int):
    def __int__(self):
        return self

    def bit_length(self):
        return 2**60

    def to_bytes(self, *words):
        return b""


for value in (
    LyingDict(a=1),
    LyingList([1]),
    LyingStr("x"),
    LyingInt(2**70),
    [LyingDict(a=LyingList())],
):
    try:
        answer = call_tool("measure", value=value)
        wrong += [] if answer < 10 else [(type(value).__name__, answer)]
    except (TypeError, ValueError, RuntimeError):
        pass
print(wrong or "held")
