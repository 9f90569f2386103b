"""Start threads by every road: each runs at once. Processes: there are none, and it is said."""
# expect: kind=ok stdout=ran: joinable raw thread timer
import _thread
import concurrent.futures
import threading

ran = set()
started = []
for name, act in {
    "thread": lambda: threading.Thread(target=ran.add, args=("thread",)).start(),
    "raw": lambda: _thread.start_new_thread(ran.add, ("raw",)),
    "timer": lambda: threading.Timer(0.001, ran.add, ("timer",)).start(),
    "joinable": lambda: _thread.start_joinable_thread(lambda: ran.add("joinable")),
    "process": lambda: started.append(
        concurrent.futures.ProcessPoolExecutor().submit(print).result(1)),
    "many": lambda: [threading.Thread(target=threading.Thread(target=int).start).start()
                     for _ in range(2000)],
}.items():
    try:
        act()
    except (RuntimeError, ImportError, NotImplementedError, OSError, AttributeError):
        pass


def nest():
    threading.Thread(target=nest).start()


threading.excepthook = lambda args: None
nest()  # ends as any recursion does
threading.Event().wait(0.01)  # a timer waits to be waited for
print(started or f"ran: {' '.join(sorted(ran))}")
