"""Handlers for all signals, alarms, and signals sent to oneself."""
# expect: kind=ok stdout_has=end
import os
import signal

for number in range(-2, 70):
    for handler in (signal.SIG_IGN, signal.SIG_DFL, lambda *words: None, 5, None):
        try:
            signal.signal(number, handler)
        except (OSError, ValueError, TypeError, RuntimeError):
            pass
for name in (
    "alarm",
    "setitimer",
    "pause",
    "sigwait",
    "pthread_kill",
    "sigpending",
    "set_wakeup_fd",
    "siginterrupt",
    "pidfd_send_signal",
):
    act = getattr(signal, name, None)
    for words in ((1,), (0, 0.001), (0, 9), (-1,), ()):
        if act and name not in ("pause", "sigwait"):
            try:
                act(*words)
            except (OSError, ValueError, TypeError, RuntimeError):
                pass
hits = []
signal.signal(signal.SIGINT, lambda number, frame: hits.append(number))
signal.raise_signal(signal.SIGINT)
for _ in range(1000):
    pass
print("end", len(hits), flush=True)
try:
    os.kill(os.getpid(), 9)
except (OSError, AttributeError):
    pass
