"""Delete the streams and the hooks that would report an error."""
# expect: kind=exception type=IndexError
import sys

for name in (
    "stdout",
    "stderr",
    "stdin",
    "__stdout__",
    "__stderr__",
    "excepthook",
    "__excepthook__",
    "displayhook",
    "unraisablehook",
    "last_exc",
    "tracebacklimit",
    "modules",
    "path",
    "flags",
    "argv",
):
    try:
        delattr(sys, name)
    except AttributeError:
        pass
[][1]
