"""Delete every builtin, then fail: the error is still told by type and line."""
# expect: kind=exception type=ZeroDivisionError
import builtins

remove = builtins.delattr
for name in builtins.list(builtins.vars(builtins)):
    remove(builtins, name)
1 / 0
