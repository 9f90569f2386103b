"""The harmless evaluator with harmful input."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
import ast

wrong = []
for text in (
    "[" * 100_000,
    "-" * 100_000 + "1",
    "(" * 190 + ")" * 190,
    "{" * 150 + "1" + "}" * 150,
    "1" + "+1j" * 5000,
    "{" + ",".join(f"{n}" for n in range(50_000)) + "}",
    "'a'" * 50_000,
    "{[]}",
    "{{}: 1}",
    "__import__('os')",
    "(lambda: 1)()",
    "1 .__class__",
    "10**10**10",
    "'a' * 10**10",
    "f'{1}'",
    "9" * 5000,
    "\x00",
    "1\n2",
    "  1",
    "set()",
    "{**{}}",
    "[*[1]]",
    "True.real",
    "..." * 10,
):
    try:
        value = ast.literal_eval(text)
        if not isinstance(value, (set, str, tuple, complex, int, type(...), list)):
            wrong.append((text[:20], value))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        pass
print(wrong or "held")
