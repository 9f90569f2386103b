"""Strings of absurd length by every road: each a MemoryError or OverflowError at once."""
# expect: kind=ok stdout=held
roads = {
    "repeat": lambda: "x" * 10**12,
    "ljust": lambda: "x".ljust(10**12),
    "zfill": lambda: "1".zfill(10**10),
    "center": lambda: "x".center(2**31),
    "format": lambda: f"{1:>10000000000}",
    "percent": lambda: "%2000000000d" % 1,
    "star": lambda: "%*d" % (2**31 - 1, 1),
    "replace": lambda: ("a" * 100_000).replace("a", "b" * 100_000),
    "join": lambda: ("x" * 10**6).join(["y"] * 10**6),
    "expandtabs": lambda: "\t\t\t".expandtabs(2**30),
    "translate": lambda: ("a" * 10**5).translate({97: "b" * 10**5}),
    "bytes": lambda: bytes(2**40),
    "precision": lambda: "%.2000000000f" % 1.5,
    "bytes join": lambda: (b"x" * 10**6).join([b"y"] * 10**6),
    "int": lambda: (1).to_bytes(2**33),
    "mul": lambda: b"ab" * 2**62,
    "encode": lambda: ("\uffff" * 2**24).encode(),
    "casefold": lambda: ("\u0390" * 10**7).casefold(),
    "upper": lambda: ("\ufb03" * 10**7).upper(),
    "hex": lambda: bytes(40 << 20).hex(),
    "repr": lambda: repr("\x00" * (30 << 20)),
    "splitlines": lambda: ("\n" * (30 << 20)).splitlines(),
    "list": lambda: list("ab" * (20 << 20)),
}
survived = []
for name, road in roads.items():
    try:
        road()
        survived.append(name)
    except (MemoryError, OverflowError, ValueError):
        pass
print(survived or "held")
