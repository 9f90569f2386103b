"""Threads whose work does not depend on who runs first."""
import asyncio
import concurrent.futures
import contextvars
import queue
import sys
import threading
import time

total = []
lock = threading.Lock()


def work(start, stop=10, *, step=1):
    with lock:
        total.append(sum(range(start, stop, step)))


threads = [threading.Thread(target=work, args=(i,), kwargs={"step": 2}) for i in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(total), [thread.is_alive() for thread in threads])

# who am I
seen = {}


def look():
    me = threading.current_thread()
    seen.update(name=me.name, same=me is thread, alive=me.is_alive(), daemon=me.daemon,
                main=me is threading.main_thread(), ident=me.ident == threading.get_ident(),
                other=threading.get_ident() != threading.main_thread().ident)
    try:
        me.join()
    except RuntimeError as error:
        seen["join"] = str(error)
    try:
        me.start()
    except RuntimeError as error:
        seen["start"] = str(error)


thread = threading.Thread(target=look, name="worker", daemon=True)
print(thread.is_alive(), thread.ident)
thread.start()
thread.join()
print(seen, thread.is_alive(), thread.ident is not None, thread.daemon)
print(threading.current_thread() is threading.main_thread(), threading.active_count())
print(threading.current_thread().name, [t.name for t in threading.enumerate()])
for bad in (thread.start, threading.Thread(target=print).join):
    try:
        bad()
    except RuntimeError as error:
        print(error)

# of its own
local = threading.local()
local.x = "main"
variable = contextvars.ContextVar("variable", default="default")
variable.set("main")
own = []


def look_at_own():
    own.append((hasattr(local, "x"), variable.get()))
    local.x = "thread"
    variable.set("thread")


thread = threading.Thread(target=look_at_own)
thread.start()
thread.join()
print(own, local.x, variable.get())

# exceptions
caught = []
threading.excepthook = lambda args: caught.append(
    (args.exc_type.__name__, str(args.exc_value), args.thread.name, args.exc_traceback is not None))


def fail():
    raise ValueError("in a thread")


thread = threading.Thread(target=fail, name="failing")
thread.start()
thread.join()
print(caught, thread.is_alive())
threading.excepthook = threading.__excepthook__
thread = threading.Thread(target=sys.exit, args=(3,))
thread.start()
thread.join()
print("sys.exit ends a thread only")

import _thread
sys.unraisablehook = lambda args: caught.append(
    (args.exc_type.__name__, args.err_msg.split(" at ")[0], args.object))
raw = _thread.allocate_lock()
raw.acquire()


def fail_and_tell():
    try:
        fail()
    finally:
        raw.release()


_thread.start_new_thread(fail_and_tell, ())
raw.acquire()
time.sleep(0.1)
print(caught[1:])
sys.unraisablehook = sys.__unraisablehook__


# subclasses, queues filled before, events set before
class Sum(threading.Thread):
    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers
        self.result = None

    def run(self):
        self.result = sum(self.numbers)


sums = [Sum(range(n)) for n in (3, 5)]
for thread in sums:
    thread.start()
print([thread.join() or thread.result for thread in sums])

tasks = queue.Queue()
results = queue.SimpleQueue()
for i in range(6):
    tasks.put(i)
for _ in range(2):
    tasks.put(None)


def consume():
    while (item := tasks.get()) is not None:
        results.put(item * item)
        tasks.task_done()
    tasks.task_done()


consumers = [threading.Thread(target=consume) for _ in range(2)]
for thread in consumers:
    thread.start()
tasks.join()
for thread in consumers:
    thread.join()
print(sorted(results.get() for _ in range(6)), tasks.qsize())
done = threading.Event()
thread = threading.Thread(target=done.set)
thread.start()
print(done.wait(), done.wait(5))
semaphore = threading.Semaphore(0)
threading.Thread(target=semaphore.release).start()
print(semaphore.acquire(), semaphore.acquire(blocking=False), semaphore.acquire(timeout=0.01))
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    print("empty")
try:
    queue.SimpleQueue().get(timeout=0.01)
except queue.Empty:
    print("empty")
print(threading.Event().wait(0.01), lock.acquire(timeout=0.01), lock.acquire(timeout=0.01))
lock.release()

# timers
order = []
timer = threading.Timer(0.05, order.append, args=["timer"])
timer.start()
order.append("main")
print(timer.is_alive())
timer.join()
print(order, timer.is_alive())
cancelled = threading.Timer(0.05, order.append, args=["never"])
cancelled.start()
cancelled.cancel()
cancelled.join()
fired = threading.Event()
threading.Timer(0.05, fired.set).start()
print(fired.wait(), order)
threading.Timer(0.05, order.append, args=["while it slept"]).start()
time.sleep(0.5)
print(order)

# pools, and asyncio beside threads
with concurrent.futures.ThreadPoolExecutor(
        max_workers=1, thread_name_prefix="pool", initializer=order.append,
        initargs=("initialised",)) as pool:
    print(list(pool.map(lambda x: x + 1, range(4))))
    print(pool.submit(lambda: threading.current_thread().name).result())
    print(repr(pool.submit(fail).exception()))
print(order[-1])
with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
    def add(n):
        return n + (pool.submit(add, n - 1).result() if n else 0)
    print(add(3), pool.submit(add, 3).result())


async def answer():
    await asyncio.sleep(0)
    return 42


def run_a_loop():
    order.append(asyncio.run(answer()))


async def main():
    thread = threading.Thread(target=run_a_loop)
    thread.start()
    thread.join()
    await asyncio.to_thread(run_a_loop)
    print(asyncio.get_running_loop().is_running(), order[-2:])


asyncio.run(main())
last = threading.Timer(0.01, print, args=["the end waits for timers"])
last.start()
