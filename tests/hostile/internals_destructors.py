"""Destructors that resurrect, raise, print, call exit and never end, left over for the end of the
run."""
# expect: kind=ok stdout_has=end
# limits: --memory 64MiB
import gc
import sys
import weakref

graves = []


class Risen:
    def __del__(self):
        graves.append(self)
        print("risen")


class Loud:
    def __del__(self):
        raise SystemExit(99)


class Endless:
    def __del__(self):
        while True:
            pass


for n in range(3):
    risen = Risen()
    del risen
    loud = Loud()
    loud.me = loud
    del loud
    gc.collect()
weak = weakref.ref(graves[0], lambda reference: graves.append(reference))
graves.clear()
print("end")
cycle = Endless()
cycle.me = cycle
held_globally = Endless()
sys.endless = Endless()
