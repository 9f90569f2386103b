"""Find everything the collector knows, also the modules of the sandbox itself, and empty it."""
# expect: kind=ok|exception|limit|fault
# limits: --time 3s --memory 64MiB
import gc
import sys

mine = globals()
for thing in gc.get_objects():
    try:
        if isinstance(thing, dict) and thing is not mine and "__name__" in thing:
            if thing["__name__"] not in ("builtins", "sys", "__main__"):
                for key in list(thing):
                    thing[key] = None
        elif isinstance(thing, list) and thing is not mine:
            thing.clear()
        elif isinstance(thing, set):
            thing.clear()
    except Exception:
        pass
for name in list(sys.modules):
    sys.modules.pop(name)
gc.collect()
raise LookupError("with nothing left")
