"""Call every function of the internal module with garbage, and take it apart."""
# expect: kind=ok stdout_has=end
import _cloche

garbage = [
    None,
    0,
    -1,
    2**31,
    2**64,
    1.5,
    float("nan"),
    float("inf"),
    -1e308,
    "",
    "x",
    "\ud800",
    "echo",
    b"",
    b"\xff" * 100,
    [],
    {},
    {"value": 1},
    {1: 2},
    (),
    object(),
    print,
    bytearray(10),
    memoryview(b"x"),
]
for name in dir(_cloche):
    act = getattr(_cloche, name)
    if not callable(act) or name in ("__loader__", "wait"):
        continue
    for first in garbage:
        for words in ((), (first,), (first, first), *((first, second) for second in garbage)):
            try:
                act(*words)
            except Exception:
                pass
for first in (0, -1, "x", None.__class__, -float("inf"), float("nan"), -(2**70), 1e-9, True):
    try:
        _cloche.wait(first)
    except Exception:
        pass
print("end", flush=True)
for name in dir(_cloche):
    try:
        delattr(_cloche, name)
    except Exception:
        pass
