"""Trace and profile functions that raise, loop back and replace frames' variables."""
# expect: kind=ok stdout_has=traced
import sys

calls = []


def tracer(frame, event, argument):
    calls.append(event)
    frame.f_trace_opcodes = True
    try:
        frame.f_locals["local"] = "changed"
        frame.f_lineno = 1
    except Exception:
        pass
    return tracer


def work(n):
    local = n
    for step in range(100):
        local = step
    return [work(n - 1)] if n else local


sys.settrace(tracer)
sys.setprofile(tracer)
work(5)
sys.settrace(None)
sys.setprofile(None)
print("traced", len(calls) > 100)
monitor = sys.monitoring
monitor.use_tool_id(3, "spy")
for event in (monitor.events.LINE, monitor.events.CALL, monitor.events.RAISE):
    monitor.register_callback(3, event, lambda *words: work(1) and 1 / 0)
sys.settrace(tracer)
sys._getframe().f_trace = tracer
