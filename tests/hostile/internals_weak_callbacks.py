"""Weak-reference and collector callbacks that change what is being collected."""
# expect: kind=ok stdout=end
import gc
import weakref

things, references = [], []


class Thing:
    pass


def on_death(reference):
    things.append(Thing())
    references.append(weakref.ref(things[-1], on_death))
    if len(things) > 50:
        things.clear()


def on_gc(phase, info):
    things.append([phase])
    gc.callbacks.append(on_gc) if len(gc.callbacks) < 20 else gc.callbacks.clear()


gc.callbacks.append(on_gc)
gc.set_threshold(1, 1, 1)
for n in range(300):
    thing = Thing()
    thing.me = thing
    references.append(weakref.ref(thing, on_death))
    thing = weakref.finalize(thing, on_death, None) if n % 3 == 0 else None
    if len(references) > 1000:
        break
gc.set_threshold(0)
gc.callbacks.clear()
things = references = None
print("end")
