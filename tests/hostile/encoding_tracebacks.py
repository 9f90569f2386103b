"""Tracebacks with false lines, false frames, circles, and a hundred thousand entries."""
# expect: kind=exception type=ZeroDivisionError
# limits: --memory 256MiB
import sys
import types

frame = sys._getframe()
trace = None
for n in range(100_000):
    trace = types.TracebackType(trace, frame, -1 - n, 2**31 - 1 - n)
try:
    trace.tb_next = trace
except ValueError:
    pass
for line in (0, -5, 2**31 - 1):
    try:
        code = (lambda: 1 / 0).__code__.replace(
            co_firstlineno=line,
            co_linetable=b"\xff" * 7,
            co_filename="main.py",
            co_name="\ud800",
            co_qualname="\n\x1b[2J",
        )
        types.FunctionType(code, {})()
    except (ZeroDivisionError, ValueError) as error:
        last = error
raise last.with_traceback(trace)
