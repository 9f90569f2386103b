"""A result whose repr is no string, raises, exits or is a string that lies."""


# expect: kind=ok
class Text(str):
    def encode(self, *words):
        return b"\xff\xfe"

    def __str__(self):
        return 5

    def __len__(self):
        return -1


class Value:
    def __repr__(self):
        if not hasattr(self, "asked"):
            self.asked = True
            return Text("x\ud800")
        raise SystemExit(0)


assert isinstance(repr(Value()), str)
value = Value()
value.asked = True
Value.__repr__ = lambda self: b"bytes"
value
