"""Codecs and error handlers of one's own, put in place of those that the sandbox's output needs."""
# expect: kind=exception type=NameError
import codecs
import encodings
import sys


def evil(error):
    return ("\ud800" * 100, -(2**40)) if isinstance(error, UnicodeError) else 1 / 0


for name in (
    "strict",
    "replace",
    "ignore",
    "surrogateescape",
    "surrogatepass",
    "backslashreplace",
    "xmlcharrefreplace",
    "namereplace",
):
    codecs.register_error(name, evil)
codecs.register(lambda name: (evil, evil, evil, evil))
codecs.lookup = codecs.encode = codecs.decode = evil
encodings._cache.clear()
encodings.aliases.aliases.clear()
encodings.search_function = evil
for name in ("utf-8", "utf8", "ascii", "latin-1", "nonsense"):
    for text in ("\ud800", "\xff", "x"):
        try:
            text.encode(name)
        except Exception:
            pass
try:
    print("\ud800", flush=True)
except Exception:
    pass
undefined_name
