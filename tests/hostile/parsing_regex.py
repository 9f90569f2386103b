"""Patterns that do not compile in reasonable time or depth."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
import re

patterns = [
    "(" * 100_000,
    "(?:" * 5000 + ")" * 5000,
    "(" * 2000 + ")" * 2000,
    "[" * 100_000,
    "a{1,65535}" * 20,
    "a{999999999999}",
    "((a{99}){99}){99}",
    "|" * 10_000,
    "(?P<" + "n" * 100_000 + ">a)",
    "\\1" * 10_000,
    "(?(1)" * 500,
    "(?i:" * 500,
    "[" + "".join(map(chr, range(256, 20_000))) + "]",
    "(?#" + "c" * 100_000,
    "\\N{DIGIT ONE}" * 1000,
    "a" * 50_000,
    "(?<=" + "a" * 10_000 + ")",
    "(?<!a*)",
    "*",
    "a**",
    "+" * 1000,
    "\\",
    "[^" + "a-z" * 10_000 + "]",
    "(?" + "i" * 10_000 + ")",
    "x{2,1}",
    "(?P=x)",
    "\0",
    "\ud800",
    "[\\d-\\w]",
    "(?s-s:a)",
]
for pattern in patterns:
    for flags in (0, re.IGNORECASE | re.VERBOSE, re.DOTALL | re.MULTILINE | re.ASCII):
        try:
            re.compile(pattern, flags).search("aaaa")
        except (re.error, RecursionError, MemoryError, OverflowError, ValueError):
            pass
print("held")
