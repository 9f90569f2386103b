"""Turn every knob of the interpreter to its most harmful end; nothing of it may last."""
# expect: kind=ok stdout=turned
import gc
import locale
import os
import random
import sys
import warnings

print("turned", flush=True)
gc.disable()
gc.freeze()
random.seed(0)
sys.setswitchinterval(1e-9)
sys.setrecursionlimit(50)
sys.set_int_max_str_digits(640)
sys.set_coroutine_origin_tracking_depth(1000)
warnings.simplefilter("error")
sys.flags.__class__.__doc__
sys.path[:] = [b"\xff", None, 3]
sys.argv = None
os.environ.clear()
os.chdir("/tmp")
sys.float_repr_style = sys.byteorder = sys.maxsize = None
sys.ps1 = sys.platform = sys.version_info = sys.implementation = 0
sys.activate_stack_trampoline = None
try:
    sys.set_asyncgen_hooks(print, print)
    locale.setlocale(locale.LC_ALL, "C")
except Exception:
    pass
os.getcwd = os.listdir = os.stat = None
