"""Put liars into sys.modules for everything the sandbox might import when the code fails."""
# expect: kind=exception type=ArithmeticError
import sys


class Liar:
    __path__ = []

    def __getattr__(self, name):
        raise SystemExit(0)

    def __call__(self, *words, **more):
        raise SystemExit(0)


for name in (
    "traceback",
    "linecache",
    "io",
    "os",
    "json",
    "ast",
    "types",
    "codecs",
    "encodings",
    "encodings.utf_8",
    "re",
    "asyncio",
    "inspect",
    "cloche",
    "_cloche",
    "builtins",
    "warnings",
    "contextlib",
    "abc",
    "random",
    "signal",
):
    sys.modules[name] = Liar()
sys.meta_path[:] = [Liar()]
sys.path_hooks[:] = [Liar()]
raise ArithmeticError("told truthfully")
