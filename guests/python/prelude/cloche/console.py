"""Standard input: what the host gives, or none, and then a program that asks is told so at once."""

import io
import sys

_MESSAGE = ("this program runs without standard input: "
            "write the data into the code, read it from a file, or get it with a tool")
_PIECE = 65536  # bytes that the host gives at once, at most


class _Nothing(io.RawIOBase):
    name = "<stdin>"
    mode = "rb"

    def readable(self):
        return True

    def readinto(self, buffer):
        raise EOFError(_MESSAGE)


class _Input(io.FileIO):
    def readinto(self, buffer):
        # Where a limit has ended the wait for input, the interpreter raises it on the way back.
        return super().readinto(buffer)


def open_input(has_input):
    """Give the program that begins a sys.stdin of its own."""
    raw = _Nothing()
    if has_input:
        raw = _Input(0, closefd=False)
        raw.name = _Nothing.name
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(raw, _PIECE), encoding="utf-8")
    sys.stdin.mode = "r"


def install():
    open_input(False)
