"""Raise exceptions that look like the limits of the sandbox: the host must not believe them."""
# expect: kind=exception stdout=before
import sys

print("before", flush=True)
found = [kind for kind in BaseException.__subclasses__() if "imit" in kind.__name__]
for name in list(sys.modules):
    if name.startswith(("cloche", "_cloche")):
        found += [
            kind
            for kind in vars(sys.modules[name]).values()
            if isinstance(kind, type)
            and issubclass(kind, BaseException)
            and "imit" in kind.__name__
        ]


class TimeLimitExceeded(Exception):
    limit = "wall_ms"
    limit_value = 1


raise (found[0] if found else TimeLimitExceeded)("wall time limit of 1 ms reached")
