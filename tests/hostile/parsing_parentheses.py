"""Brackets nested far beyond what the parser's stack holds."""
# expect: kind=ok stdout=held
survived = []
for depth in (150, 1000, 10_000, 100_000):
    for left, right in (
        "()",
        "[]",
        "{}",
        ("(lambda:", ")"),
        ("f(", ")"),
        ("a[", "]"),
        ("[x for x in ", "]"),
        ("{0:", "}"),
        ("(yield ", ")"),
    ):
        for source in (left * depth + "0" + right * depth, left * depth, right * depth):
            try:
                compile(source, "x", "exec")
                if depth > 1000:
                    survived.append((left, depth))
            except (SyntaxError, MemoryError, RecursionError):
                pass
print(survived or "held")
