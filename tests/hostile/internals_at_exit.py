"""Exit handlers that raise, loop, exit with another code, register more handlers."""
# expect: kind=limit limit=cpu_ms stdout_has=end
# limits: --cpu-time 1s --memory 64MiB
import atexit
import os
import sys


@atexit.register
def again():
    if len(sys.argv) < 1000:
        sys.argv.append("x")
        atexit.register(again)


@atexit.register
def endless():
    while True:
        pass


atexit.register(lambda: 1 / 0)
atexit.register(lambda: print("after the end"))
print("end", flush=True)
