"""Wait for descriptors, events, locks and queues that nothing will ever change."""
# expect: kind=limit limit=wall_ms|cpu_ms stdout=refused 3
# limits: --time 500ms --memory 64MiB
import queue
import select
import threading
import _thread

try:
    select.select([0], [], [], 0.01)
    select.select([], [], [], 0.01)
except (OSError, ValueError):
    pass
try:
    threading.Event().wait(0.01)
    threading.Condition().wait_for(lambda: False, 0.01)
except RuntimeError:
    pass
lock = _thread.allocate_lock()
lock.acquire()
lock.acquire(timeout=0.01)
refused = 0
for wait in lock.acquire, queue.Queue().get, threading.Barrier(2).wait:
    try:
        wait()
    except RuntimeError:
        refused += 1
print("refused", refused)
lock.acquire(timeout=1000)
