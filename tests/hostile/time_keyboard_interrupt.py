"""Interrupts made by hand, nested in handlers, left uncaught at the end."""
# expect: kind=exception type=KeyboardInterrupt exit=1
import _thread
import signal

count = 0
for _ in range(1000):
    try:
        _thread.interrupt_main()
        for _ in range(100):
            pass
    except KeyboardInterrupt:
        count += 1


def handler(number, frame):
    raise KeyboardInterrupt(number)


signal.signal(signal.SIGINT, handler)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    pass
raise KeyboardInterrupt("by hand")
