"""Replace the functions that reach the host, for this run and, in hope, for the next."""
# expect: kind=ok stdout=end
import builtins
import sys

import _cloche
import cloche

for module in [
    module for name, module in list(sys.modules.items()) if name.startswith(("cloche", "_cloche"))
]:
    for name in list(vars(module)):
        try:
            if callable(getattr(module, name)):
                setattr(module, name, lambda *words, **more: "stolen")
        except Exception:
            pass
builtins.call_tool = builtins.print
globals().update({name: None for name in ("echo", "call_tool_async", "measure")})
print("end")
