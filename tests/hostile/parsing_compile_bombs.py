"""Small programs that compile to large ones: constant folding, finally duplication, nested
comprehensions."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
sources = [
    "(1,)*10**9",
    "'x'*10**10",
    "((((1,)*100)*100)*100)*100",
    "1<<10**10",
    "10**10**10",
    "-(" * 50 + "1" + ")" * 50,
    "'%1000000000d' % 1",
    "(((" + "9" * 4000 + ")**99)**99)**99",
    "\n".join(" " * n + "try: pass\n" + " " * n + "finally:" for n in range(12))
    + "\n"
    + " " * 12
    + "pass",
    "[" * 18 + "x" + " for x in y]" * 18,
    "x = (" + "1," * 50_000 + ")",
    "{" + ",".join(f"{n}:{n}" for n in range(10_000)) + "}",
    "x" + "=x" * 20_000,
    "lambda " + ",".join(f"a{n}=0" for n in range(10_000)) + ": 0",
    "assert " * 1 + "(" + "1," * 10_000 + ")",
    "def f():\n" + "".join(f" x{n} = {n}\n" for n in range(5_000)),
]
import warnings

warnings.simplefilter("ignore")
for source in sources:
    for optimize in (-1, 2):
        try:
            compile(source, "x", "exec", optimize=optimize)
        except (SyntaxError, MemoryError, RecursionError, OverflowError):
            pass
print("held")
