"""Chains of operators that make trees twenty thousand levels deep."""
# expect: kind=ok
# limits: --memory 256MiB
import ast

n = 20_000
sources = [
    "-" * n + "1",
    "not " * n + "1",
    "~" * n + "1",
    "1" + "+1" * n,
    "a" + ".a" * n,
    "a" + "()" * n,
    "a" + "[0]" * n,
    "1" + "**1" * n,
    "1" + " if 1 else 1" * n,
    "lambda: " * n + "1",
    "await " * n + "1",
    "a=" * n + "1",
    "*" * n + "a",
    "1" + "<1" * n,
    "1" + " and 1" * n,
    "'a'" * n,
    "a" + ":=1" * 100,
    "a" + ",a" * n,
    "@a\n" * n + "def f(): pass",
    "a" + "|a" * n,
]
for source in sources:
    try:
        compile(source, "x", "exec")
    except (SyntaxError, MemoryError, RecursionError):
        pass
    try:
        ast.dump(ast.parse(source))
    except (SyntaxError, MemoryError, RecursionError):
        pass
print("held")
