"""Code that claims to come from files with hostile names, and source lines that lie."""
# expect: kind=exception type=ZeroDivisionError
import linecache

for name in (
    "\ud800",
    "\x1b[2J\n",
    "x" * 100_000,
    "/etc/passwd",
    "<frozen os>",
    "main.py",
    "../../secret.txt",
    "\u202e",
):
    linecache.cache[name] = (10, None, ["\ud800\x1b[31m lying line\n", 5, None], name)
    try:
        exec(compile("1/0", name, "exec"))
    except ZeroDivisionError as error:
        last = error
linecache.getline = linecache.getlines = lambda *words: "\ud800"
linecache.cache = None
raise last
