"""Start threads and processes by every road: there are none, and it is said at once."""
# expect: kind=ok stdout=held
import _thread
import concurrent.futures
import threading

started = []
for name, act in {
    "thread": lambda: threading.Thread(target=print).start(),
    "raw": lambda: _thread.start_new_thread(print, ()),
    "timer": lambda: threading.Timer(0.001, print).start(),
    "joinable": lambda: _thread.start_joinable_thread(print),
    "process": lambda: concurrent.futures.ProcessPoolExecutor().submit(print).result(1),
}.items():
    try:
        act()
        started.append(name)
    except (RuntimeError, ImportError, NotImplementedError, OSError, AttributeError):
        pass
print(started or "held")
