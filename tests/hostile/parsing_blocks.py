"""Statements nested, chained and multiplied: indentation, else-if, try, with, match, classes,
decorators."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
sources = []
for depth in (20, 99, 101, 1000):
    for head in (
        "if 1:",
        "for x in y:",
        "while 1:",
        "with x:",
        "def f():",
        "class C:",
        "try:",
        "match x:",
        "async def f():",
    ):
        lines = [" " * n + head for n in range(depth)] + [" " * depth + "pass"]
        sources.append("\n".join(lines))
sources += [
    "if 1: pass\n" + "elif 1: pass\n" * 5000,
    "try: pass\n" + "except E: pass\n" * 5000,
    "match x:\n" + " case 1: pass\n" * 5000,
    "match x:\n case " + "[" * 500 + "]" * 500 + ": pass",
    "match x:\n case " + "1|" * 20_000 + "1: pass",
    "with " + "a," * 5000 + "b: pass",
    "def f(" + ",".join(f"a{n}" for n in range(20_000)) + "): pass",
    "f(" + "*a," * 20_000 + ")",
    "global " + ",".join(f"g{n}" for n in range(20_000)),
    "import " + ".".join(["a"] * 5_000),
    "from " + "." * 100_000 + " import x",
    "class C(" + "A," * 20_000 + "): pass",
    "\t \t" * 1000 + "x",
    "if 1:\n" + "".join(" " * (100 - n % 100) + "x\n" for n in range(1000)),
    "x = 1;" * 10_000,
    "\\\n" * 100_000 + "1",
    "\n" * 1_000_000 + "1",
    "def f[" + ",".join(f"T{n}" for n in range(5000)) + "](): pass",
    "type X[" + "T:" * 50 + "] = 1",
    "for x in y:\n " * 30 + "break",
]
for source in sources:
    try:
        compile(source, "x", "exec")
    except (SyntaxError, MemoryError, RecursionError, SystemError):
        pass  # SystemError: where the parser itself forgets to say that memory is at its end
print("held")
