# io: text and byte streams, buffering, newline handling, line iteration, custom raw streams, printing.
import io
import os
import sys

text = io.StringIO("alpha\nbeta\r\ngamma")
print(text.readline(), list(text), text.tell(), text.seek(0), text.read(5), text.getvalue() == "alpha\nbeta\r\ngamma")
text.seek(0, io.SEEK_END)
text.write("!")
text.truncate(4)
print(repr(text.getvalue()), text.closed)
raw = io.BytesIO(b"abcdef")
print(raw.read(2), raw.peek(1) if hasattr(raw, "peek") else "-", raw.getbuffer()[2:4].tobytes(), raw.readinto(bytearray(3)), raw.read())
wrapped = io.TextIOWrapper(io.BytesIO(b"one\r\ntwo\rthree\n"), encoding="utf-8")
print(wrapped.readlines(), wrapped.newlines, wrapped.encoding)
exact = io.TextIOWrapper(io.BytesIO(b"a\r\nb"), encoding="utf-8", newline="")
print(repr(exact.read()))
target = io.BytesIO()
writer = io.TextIOWrapper(target, encoding="utf-16-le", newline="\r\n", write_through=True)
writer.write("x\ny")
print(target.getvalue(), writer.detach() is target)
buffered = io.BufferedReader(io.BytesIO(bytes(range(50))), buffer_size=16)
print(buffered.peek(3)[:3], buffered.read1(4), buffered.tell(), buffered.seek(-2, 2), buffered.read())


class Slow(io.RawIOBase):
    def __init__(self, chunks):
        self.chunks = list(chunks)

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.chunks:
            return 0
        chunk = self.chunks.pop(0)
        buffer[:len(chunk)] = chunk
        return len(chunk)


reader = io.TextIOWrapper(io.BufferedReader(Slow([b"he", b"llo\nwo", b"r", b"ld\n", b"\xc3", b"\xa9"])), encoding="utf-8")
print([line for line in reader])


class Upper:
    def __init__(self, stream):
        self.stream = stream

    def write(self, data):
        return self.stream.write(data.upper())

    def flush(self):
        self.stream.flush()


print("shout", 1, None, sep="-", end=".\n", file=Upper(sys.stdout))
old, sys.stdout = sys.stdout, io.StringIO()
print("captured", {"a": 1})
captured, sys.stdout = sys.stdout.getvalue(), old
print(repr(captured))
sys.stdout.write("no newline; ")
sys.stdout.writelines(["a", "b", "\n"])
sys.stdout.flush()
sys.stdout.buffer.write(b"bytes straight\n")
sys.stdout.buffer.flush()
print(*range(3), *"ab", sep=",")
print("multi\nline\ttab \\ backslash", 'quote\'s', r"raw\n", "ünï", "\x41", "a" "b")
path = "/tmp/streams-oracle.txt"
with open(path, "w", newline="\n") as file:
    print("to file", file=file)
    file.writelines(f"{n}\n" for n in range(3))
with open(path, "r+", encoding="utf-8") as file:
    content = file.read()
    file.seek(0)
    file.write("TO")
print(content.splitlines(), open(path).readline(), end="")
os.remove(path)
for bad in (lambda: io.StringIO().write(b"x"), lambda: io.BytesIO().write("x"), lambda: text.close() or text.read(), lambda: open(path)):
    try:
        bad()
    except Exception as error:
        print(type(error).__name__)
