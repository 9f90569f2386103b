"""Standard input: there is none, and a program that asks is told so at once."""

import io
import sys

_MESSAGE = ("this program runs without standard input: "
            "write the data into the code, read it from a file, or get it with a tool")


class _Nothing(io.RawIOBase):
    name = "<stdin>"
    mode = "rb"

    def readable(self):
        return True

    def readinto(self, buffer):
        raise EOFError(_MESSAGE)


def install():
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(_Nothing()), encoding="utf-8")
    sys.stdin.mode = "r"
