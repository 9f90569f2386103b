"""Find the limit's exception class and make it harmless: patch it, subclass it, empty it."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import gc
import sys

for kind in [
    thing
    for thing in gc.get_objects()
    if isinstance(thing, type) and issubclass(thing, BaseException)
]:
    if "imit" in kind.__name__:
        for name, value in (
            ("__init__", lambda self, *words: 1 / 0),
            ("__new__", lambda *words: None),
            ("__bases__", (Exception,)),
            ("__str__", lambda self: 5),
        ):
            try:
                setattr(kind, name, value)
            except TypeError:
                pass
sys.setswitchinterval(10**6)
for name in [name for name in sys.modules if name.startswith(("cloche", "_cloche"))]:
    vars(sys.modules[name]).clear()
while True:
    try:
        while True:
            pass
    except Exception:
        pass
