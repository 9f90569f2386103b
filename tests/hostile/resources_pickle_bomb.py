"""Pickles that announce what they do not have, and pickles that multiply."""
# expect: kind=ok stdout=held
import io
import pickle
import struct

bombs = [
    b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x",
    b"\x80\x04\x8d" + struct.pack("<Q", 2**31) + b"x",
    b"B" + struct.pack("<I", 2**32 - 1) + b"x.",
    b"X" + struct.pack("<I", 2**31) + b"x.",
    b"\x80\x04]r" + struct.pack("<I", 2**31) + b".",
    b"\x80\x04]r" + struct.pack("<I", 2**26) + b".",
    b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
    b"(" * 10_000_000 + b".",
    b"]" * 5_000_000 + b".",
    b"(l" + b"0" * 10,
    b"h\x00.",
    b"\x80\xff.",
    b"I" + b"9" * 10**6 + b"\n.",
    b"](" + b"NNNNNNNN" * 1000 + b"e" + b"2e" * 10,
    b"c__builtin__\nbytearray\n(I9999999999\ntR.",
    b"cbuiltins\nrange\n(I0\nI1000000000\ntR\x94cbuiltins\nlist\n(h\x00tR.",
]
survived = []
for n, bomb in enumerate(bombs):
    for load in (
        pickle.loads,
        lambda data: pickle.Unpickler(io.BytesIO(data)).load(),
        pickle._loads,
    ):
        try:
            value = load(bomb)
            if not isinstance(value, list) or len(value) > 100:
                survived.append((n, type(value)))
        except (
            pickle.UnpicklingError,
            MemoryError,
            OverflowError,
            EOFError,
            ValueError,
            IndexError,
            KeyError,
            AttributeError,
            TypeError,
            RecursionError,
            UnicodeError,
        ):
            pass
print(survived or "held")
