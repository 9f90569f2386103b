"""Replace builtins by liars that answer, raise and loop; errors, results and output go on."""
# expect: kind=exception type=KeyError
import builtins
import sys


def liar(*words, **more):
    raise SystemError("not today")


names = [name for name in vars(builtins) if name[0].islower()]
replace = setattr
for name in names:
    replace(builtins, name, liar)
builtins.__import__ = liar
builtins.__build_class__ = liar
builtins.BaseException = builtins.Exception = builtins.SystemExit = KeyboardInterrupt
sys.exc_info = sys.excepthook = sys.displayhook = sys.unraisablehook = liar
{}["nothing"]
