"""Resize what others look at: bytearrays, arrays and memory views during every kind of callback."""
# expect: kind=ok stdout=held
import array
import io
import itertools
import struct

wrong = []
data = bytearray(b"abc" * 1000)


class Resizer:
    def __index__(self):
        data.clear()
        data.extend(b"q" * 10)
        return 5

    def __buffer__(self, flags):
        data.clear()
        return memoryview(b"xyz")

    def __len__(self):
        return 2**31 - 1

    def __iter__(self):
        for n in range(10_000):
            if n % 100 == 0:
                data[:] = b""
                data.extend(b"r" * 5000)
            yield n % 256


numbers = array.array("i", range(1000))
for act in (
    lambda: data.__setitem__(Resizer(), Resizer()),
    lambda: data.insert(Resizer(), 1),
    lambda: data.pop(Resizer()),
    lambda: data.__setitem__(slice(Resizer(), 2000), b"new"),
    lambda: data.extend(Resizer()),
    lambda: data.find(Resizer()),
    lambda: data.join([b"1", Resizer()]),
    lambda: data.translate(None, Resizer()),
    lambda: data.hex(data, Resizer()),
    lambda: struct.pack_into("100s", data, Resizer(), b"x" * 100),
    lambda: data.__imul__(Resizer()),
    lambda: numbers.__setitem__(Resizer(), 1),
    lambda: numbers.extend(itertools.islice((n for n in numbers), 5000)),
    lambda: bytes(Resizer()),
    lambda: memoryview(data).cast("i")[Resizer()],
    lambda: io.BytesIO(data).readinto(Resizer()),
    lambda: data.replace(b"a", Resizer()),
    lambda: data.split(Resizer()),
    lambda: bytearray(Resizer()),
):
    data[:] = b"abc" * 1000
    try:
        act()
    except (
        TypeError,
        ValueError,
        IndexError,
        BufferError,
        MemoryError,
        OverflowError,
        struct.error,
    ):
        pass
view = memoryview(data)
for act in (
    data.clear,
    lambda: data.extend(b"x"),
    lambda: data.__delitem__(slice(0, 5)),
    lambda: data.__init__(10),
):
    try:
        act()
        wrong.append("resized under a view")
    except BufferError:
        pass
view.release()
try:
    view[0]
    wrong.append("released view read")
except ValueError:
    pass
stream = io.BytesIO(b"abc" * 100)
loan = stream.getbuffer()
try:
    stream.truncate(0) or stream.write(b"x" * 10_000)
    wrong.append("stream resized under a view")
except BufferError:
    pass
print(wrong or "held")
