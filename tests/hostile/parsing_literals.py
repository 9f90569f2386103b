"""Numbers and strings with millions of characters, escapes and prefixes."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []
sources = [
    "9" * 10_000_000,
    "0x" + "f" * 4_000_000,
    "0b" + "10" * 2_000_000,
    "1_" * 100_000 + "1",
    "1e" + "9" * 1_000_000,
    "9" * 1_000_000 + ".5",
    "0" * 1_000_000,
    "1j" * 1000,
    "'" + "a" * 20_000_000 + "'",
    "'" + "\\x41" * 2_000_000 + "'",
    "'" + "\\N{DIGIT ONE}" * 50_000 + "'",
    "b'" + "\\377" * 1_000_000 + "'",
    "'''" + "\n" * 1_000_000 + "'''",
    "'" * 99_999,
    '"""' * 33_333,
    "r'" + "\\" * 99_999 + "'",
    "'\\U00110000'",
    "'\\N{" + "x" * 1_000_000 + "}'",
    "'\\400'",
    "u'\\ud800'",
    "rb" * 50_000 + "''",
    "'" + "\\q" * 50_000 + "'",
    "0_" * 1000,
    "1__1",
    "0777",
    "1if 1else 1",
    "0xfor x in 1",
]
import warnings

warnings.simplefilter("ignore")
for source in sources:
    try:
        compile(source, "x", "eval")
    except (SyntaxError, ValueError, MemoryError, OverflowError):
        pass
for text in ("9" * 5000, "9" * 10_000_000, "_".join("1" * 5000)):
    try:
        int(text)
        wrong.append(len(text))
    except ValueError:
        pass
for text in (
    "1" * 5_000_000,
    "." + "0" * 5_000_000 + "1",
    "1e" + "0" * 5_000_000,
    "nan" * 1000,
    "0x" + "f" * 1_000_000 + "p0",
):
    for act in (float, float.fromhex, complex):
        try:
            act(text)
        except (ValueError, OverflowError):
            pass
print(wrong or "held")
