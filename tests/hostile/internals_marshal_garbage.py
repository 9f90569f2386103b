"""Load damaged marshal data, and run what loads."""
# expect: kind=ok|exception|limit|fault
# limits: --time 3s --memory 64MiB
import marshal
import random
import types

random.seed(11)
good = marshal.dumps(compile("def f(x):\n    return {x: [1.5, 'a', (2, None)]}\nf(1)", "x", "exec"))
loaded = 0
for round in range(4000):
    data = bytearray(good)
    for _ in range(random.randrange(1, 6)):
        data[random.randrange(len(data))] = random.randrange(256)
    try:
        value = marshal.loads(bytes(data))
        loaded += 1
        if isinstance(value, types.CodeType) and round % 10 == 0:
            exec(value, {})
    except Exception:
        pass
for data in (
    b"(" + b"\xff\xff\xff\x7f",
    b"[\xff\xff\xff\x7f",
    b"s\xff\xff\xff\x7f",
    b"r\xff\xff\xff\x7f",
    b"l\xff\xff\xff\x7f",
    b"c" * 1000,
    b"(\x01\x00\x00\x00" * 5000,
    b"{" * 5000,
    b"<\xff\xff\xff\x0f",
):
    try:
        marshal.loads(data)
        print("loaded", data[:10])
    except (ValueError, EOFError, TypeError, MemoryError, RecursionError):
        pass
print("done", loaded > 0)
