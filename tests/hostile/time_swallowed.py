"""Places where Python itself swallows exceptions: destructors, callbacks, comparisons, hasattr."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 700ms --memory 64MiB
import gc
import weakref


class Slow:
    def __del__(self):
        for _ in range(10**6):
            pass

    def __getattr__(self, name):
        for _ in range(10**6):
            pass
        raise AttributeError(name)


gc.callbacks.append(lambda *words: sum(1 for _ in range(10**6)))
while True:
    try:
        Slow()
        hasattr(Slow(), "x")
        thing = Slow()
        weakref.finalize(thing, lambda: sum(1 for _ in range(10**6)))
        del thing
        gc.collect()
    except BaseException:
        pass
