"""Leave a trace function behind that fails for whatever runs after the code."""
# expect: kind=ok stdout=end
import sys


def spoiler(frame, event, argument):
    if frame.f_code.co_filename != __file__ if "__file__" in globals() else False:
        raise MemoryError("spoiled")
    return spoiler


print("end", flush=True)
sys.setprofile(spoiler)
sys.settrace(spoiler)
