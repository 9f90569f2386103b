"""Streams that are replaced by liars, detached, or closed."""
# expect: kind=exception type=OSError
import io
import sys


class Liar:
    encoding = property(lambda self: 1 / 0)
    errors = "\ud800"
    buffer = property(lambda self: self)

    def write(self, text):
        raise SystemExit(0)

    def flush(self):
        raise KeyboardInterrupt

    def fileno(self):
        return -5

    closed = property(lambda self: 1 / 0)


print("first", flush=True)
sys.stdout.detach()
sys.stdout = sys.__stdout__ = Liar()
sys.stderr = sys.__stderr__ = Liar()
sys.stdin = 5
raise OSError(2**40, "\ud800", "\0", None, b"\xff")
