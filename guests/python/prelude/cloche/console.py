"""Standard input: there is none, and a program that asks is told so at once."""

import io
import sys

_MESSAGE = ("this program runs without standard input: "
            "write the data into the code, read it from a file, or get it with a tool")


class _NoBytes(io.RawIOBase):
    name = "<stdin>"
    mode = "rb"

    def readable(self):
        return True

    def readinto(self, buffer):
        raise EOFError(_MESSAGE)

    def read(self, size=-1):
        raise EOFError(_MESSAGE)


class _NoText(io.TextIOBase):
    name = "<stdin>"
    mode = "r"
    encoding = "utf-8"
    errors = "strict"

    def __init__(self):
        self.buffer = _NoBytes()

    def readable(self):
        return True

    def read(self, size=-1):
        raise EOFError(_MESSAGE)

    def readline(self, size=-1):
        raise EOFError(_MESSAGE)

    def __next__(self):
        raise EOFError(_MESSAGE)


def install():
    sys.stdin = sys.__stdin__ = _NoText()
