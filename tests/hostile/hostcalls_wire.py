"""Feed the decoder of the wall's messages with damaged and forged bytes."""
# expect: kind=ok stdout=end
import random

import _cloche

random.seed(5)
good = _cloche.dumps(
    {
        "a": [1, -1, 2**70, -(2**70), 1.5, None, True, "x\u20ac\ud800", b"\x00\xff"],
        "b": {"c": ({},)},
    }
)
for _ in range(20_000):
    data = bytearray(good)
    for _ in range(random.randrange(1, 4)):
        data[random.randrange(len(data))] = random.randrange(256)
    try:
        _cloche.loads(bytes(data[: random.randrange(1, len(data) + 1)]))
    except (ValueError, MemoryError, TypeError, OverflowError, RuntimeError, RecursionError):
        pass
for data in (
    b"\x9b" + b"\xff" * 8,
    b"\xbb" + b"\x7f" * 8,
    b"\x5b" + b"\xff" * 8,
    b"\x7b\x00\x00\x00\x00\xff\xff\xff\xff",
    b"\x81" * 10**6,
    b"\xa1\x61a" * 10**5,
    b"\xc2\x5a\xff\xff\xff\xff",
    b"\xc2" * 10**5,
    b"\xd9\xd9\xf7" * 10**4,
    b"\xfb",
    b"\x1c",
    b"\xff",
    b"",
    b"\x9f" * 10**5,
    b"\x7f\x61a",
    b"\xf8\x00",
    b"\x62\xc0\x80",
    b"\x64\xf8\x88\x80\x80",
    b"\x9a\x00\xff\xff\xff",
):
    try:
        print("loaded", data[:9], str(_cloche.loads(data))[:50])
    except (ValueError, MemoryError, TypeError, OverflowError, RuntimeError, RecursionError):
        pass
print("end")
