"""Formatted strings nested, chained and with absurd specifications."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []
nested = "1"
for n in range(8):
    nested = "f'{" + nested + "}'"
sources = [
    nested,
    "f'" + "{1}" * 5_000 + "'",
    "f'" + "{{" * 20_000 + "'",
    "f'{1:" * 300 + "}" * 300 + "'",
    "f'" + "{" * 10_000,
    "f'{1!r:" + "{1}" * 20_000 + "}'",
    "f'{a" + ".a" * 20_000 + "}'",
    "f'{" + "(" * 300 + "1" + ")" * 300 + "=}'",
    "f'{" + "lambda x: " * 1000 + "1}'",
    "f'{'" * 500 + "}'" * 500,
    "f'{\0}'",
    "f'{x!}'",
    "f'{!r}'",
    "f'''{\n\n" + "#c\n" * 20_000 + "1}'''",
    "f'{1:{2:{3:{4}}}}'",
    "rf'\\{1}\\'",
    "f'\\N{'",
    "f'{*a}'",
    "f'{yield}'",
    "f'{x:=5}'",
    "fr" * 1000 + "'{1}'",
]
for source in sources:
    try:
        eval(compile(source, "x", "eval"), {"a": 1, "x": 1})
    except (
        SyntaxError,
        ValueError,
        MemoryError,
        RecursionError,
        NameError,
        AttributeError,
        TypeError,
    ):
        pass
for spec in (
    "9" * 100,
    ">9999999999",
    ".9999999999f",
    "99999999999d",
    "," * 1000,
    "\0>10",
    "\ud800<10",
    ".2147483647g",
    "=" * 1000,
    "0" * 100_000 + "d",
    "{}" * 1000,
):
    for value in (1, 1.5, "x", 1j, 10**100):
        try:
            if len(format(value, spec)) > 10**8:
                wrong.append(spec[:10])
        except (ValueError, OverflowError, MemoryError, TypeError):
            pass
for text in (
    "{0" + ".x" * 10_000 + "}",
    "{0" + "[0]" * 10_000 + "}",
    "{" * 10_000,
    "{:{:{:{}}}}",
    "{" + "9" * 100 + "}",
    "{0!" + "r" * 100 + "}",
    "%" * 10_000 + "d",
    "%(" + "a" * 10**6 + ")s",
    "%999999999999d",
    "%.999999999999d",
    "%#" * 1000,
    "%(a" * 1000,
):
    for act in (
        lambda: text.format(1, 2, 3),
        lambda: text % 1,
        lambda: text % {"a": 1},
        lambda: text.encode() % 1,
    ):
        try:
            act()
        except (
            ValueError,
            IndexError,
            KeyError,
            AttributeError,
            TypeError,
            OverflowError,
            MemoryError,
            RecursionError,
        ):
            pass
print(wrong or "held")
