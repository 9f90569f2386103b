"""Call tools from everywhere: destructors, exit handlers, signal handlers, collector and trace
callbacks."""
# expect: kind=ok stdout_has=end
import atexit
import gc
import signal
import sys
import weakref

counts = {}


def count(where):
    counts[where] = counts.get(where, 0) + call_tool("measure", value=where)


class Dying:
    def __del__(self):
        count("del")


class Weird:
    def keys(self):
        count("keys")
        return ["value"]

    def __getitem__(self, name):
        count("item")
        return 1


class Name(str):
    def __eq__(self, other):
        count("eq")
        return True

    def __hash__(self):
        count("hash")
        return 1


def on_gc(phase, info):
    if counts.get("gc", 0) < 20:
        count("gc")


def tracer(frame, event, argument):
    sys.settrace(None)
    count("trace")
    return None


Dying()
call_tool("measure", **Weird())
try:
    call_tool(Name("measure"), value=Name("x"))
except (RuntimeError, TypeError):
    pass
gc.callbacks.append(on_gc)
for _ in range(5):
    gc.collect()
    call_tool("echo", value=[[n, {}] for n in range(1000)])
gc.callbacks.clear()
signal.signal(signal.SIGTERM, lambda number, frame: count("signal"))
signal.raise_signal(signal.SIGTERM)
sys.settrace(tracer)
(lambda: 1)()
sys.settrace(None)
thing = Dying()
reference = weakref.finalize(thing, count, "finalize")
del thing
sorted(range(5), key=lambda n: count("sort") or n)
atexit.register(count, "exit")
atexit.register(lambda: [Dying() for _ in range(3)] and None)
sys.kept = Dying()
print("end", sorted(counts))
