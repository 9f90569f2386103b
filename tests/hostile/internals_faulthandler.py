"""Use the fault handler's self-destruction functions."""
# expect: kind=fault type=Unreachable stdout_has=before
import faulthandler

print("before", flush=True)
try:
    faulthandler.enable()
    faulthandler.dump_traceback()
    faulthandler.dump_traceback_later(1)
except Exception:
    pass
for name in ("_stack_overflow", "_sigsegv", "_read_null", "_sigabrt", "_fatal_error_c_thread"):
    act = getattr(faulthandler, name, None)
    if act:
        act()
raise RuntimeError("still here")
