"""An exception with surrogates, NULs, escapes and right-to-left marks in its message and its
type's name."""
# expect: kind=exception
import sys

kind = type(
    "Na\u202em\x1be", (Exception,), {"__module__": "\x1b[2J\ud800", "__qualname__": "Q\ud800\n\0"}
)
error = kind("\ud800 \x1b]0;owned\x07 \u202e \0 \r\x08 \udfff")
error.add_note("\ud800\0\x1b")
error.__notes__.append(b"\xff")
raise error from kind(b"\xff", "\0")
