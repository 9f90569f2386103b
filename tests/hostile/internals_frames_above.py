"""Walk up the frames into the sandbox's own code and tamper with what is found."""
# expect: kind=ok stdout=looked
import gc
import sys

print("looked", flush=True)
frame = sys._getframe()
while frame.f_back is not None:
    frame = frame.f_back
    for name in list(frame.f_locals):
        try:
            frame.f_locals[name] = None
        except Exception:
            pass
    for name in list(frame.f_globals):
        try:
            frame.f_globals[name] = None
        except Exception:
            pass
    try:
        frame.clear()
    except RuntimeError:
        pass
