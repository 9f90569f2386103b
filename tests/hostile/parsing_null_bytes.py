"""NULs inside source text, in names, in bytes, in files and module names."""
# expect: kind=ok stdout=held
import ast
import importlib
import tokenize
import io

wrong = []
for source in (
    "1\0",
    "\0",
    "print(1)\0print(2)",
    "'a\0b'",
    "# comment \0",
    b"1\0",
    b"\0\0\0",
    b"\xff\xfe1\0",
    "x = 1\n\0\n",
    "def f():\n\0 pass",
):
    for act in (eval, exec, lambda s: compile(s, "x", "exec"), ast.parse, ast.literal_eval):
        try:
            act(source)
            wrong.append(source)
        except (SyntaxError, ValueError, TypeError):
            pass
for act in (
    lambda: compile("1", "a\0b", "exec"),
    lambda: __import__("a\0b"),
    lambda: importlib.import_module("os\0.path"),
    lambda: compile("1", "x", "ex\0ec"),
    lambda: type("a\0b", (), {}),
    lambda: setattr(wrong, "a\0", 1),
    lambda: exec("a\0 = 1"),
    lambda: list(tokenize.tokenize(io.BytesIO(b"a\0b").readline)),
):
    try:
        act()
    except (SyntaxError, ValueError, TypeError, ImportError, AttributeError, tokenize.TokenError):
        pass
print(wrong or "held")
