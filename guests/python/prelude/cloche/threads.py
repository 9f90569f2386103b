"""Threads, where nobody could switch between them: each runs to its end when it is started.

While it runs it has what a thread has of its own: an identity, values of threading.local, an empty
context, no event loop. What could only be ended by another thread (a lock that is taken, an empty
queue) raises RuntimeError instead of hanging.

A timer is started to be cancelled, or to be waited for. So it waits: its function is called, in
time, once the program sleeps, waits for a lock or joins it, or at the program's end.
"""

import _thread
import atexit
import concurrent.futures.thread
import contextvars
import queue
import sys
import threading
import time
from asyncio import events

import _cloche

from cloche.errors import LimitExceeded

_DEADLOCK = ("this would wait for ever: in this sandbox a thread runs to its end when it is started, "
             "and no other is left that could end the wait. Start what puts in before what takes "
             "out, call the function directly, or use asyncio")

_ident = _last_ident = _thread.get_ident()
_timers = []  # that are started and have not run
_sleep = time.sleep
_LONG = 1e9  # seconds; no run lasts so long


class _Identity:
    """What a thread has of its own."""

    def __init__(self):
        global _last_ident
        _last_ident += 1
        self.ident = _last_ident
        self.locals = None
        self.context = contextvars.Context()

    def run(self, function, *arguments):
        global _ident
        ident, loop = _ident, events._get_running_loop()
        _ident = self.ident
        before = _cloche.swap_locals(self.locals)
        events._set_running_loop(None)
        try:
            return self.context.run(function, *arguments)
        finally:
            events._set_running_loop(loop)
            self.locals = _cloche.swap_locals(before)
            _ident = ident


def get_ident():
    """Return a non-zero integer that uniquely identifies the current thread
amongst other threads that exist simultaneously."""
    return _ident


def apart(function, *arguments):
    """Call a function as a thread of its own would, and wait for it."""
    return _Identity().run(function, *arguments)


def wait(seconds):
    """The program wants a lock that is taken. True: a timer has run, and may have given it back;
    False: the time is over; a text: that will never be, and why."""
    if _timers and _run_next_timer(seconds):
        return True
    if seconds is None:
        return _DEADLOCK
    _sleep(min(seconds, _LONG))
    return False


# ---- threads ----

class _Handle:
    """Takes the place of _thread._ThreadHandle."""

    def __init__(self):
        self.ident = 0
        self._done = False

    def is_done(self):
        return self._done

    def _set_done(self):
        self._done = True

    def join(self, timeout=None):
        until = None if timeout is None or timeout < 0 else time.monotonic() + timeout
        while not self._done:
            left = None if until is None else max(0, until - time.monotonic())
            ran = wait(left)
            if not ran:
                return
            if ran is not True:
                raise RuntimeError(ran)


def _run_thread(function, handle=None, daemon=True):
    """Takes the place of _thread.start_joinable_thread."""
    handle = _Handle() if handle is None else handle
    own = _Identity()
    handle.ident = own.ident
    thread = getattr(function, "__self__", None)
    if isinstance(thread, threading.Thread):
        thread._invoke_excepthook = _but_for_limits(thread._invoke_excepthook)
    try:
        own.run(function)
    finally:
        handle._set_done()
    return handle


def _but_for_limits(hook):
    """A limit of the run ends the run, not just a thread."""
    def invoke(thread):
        if isinstance(sys.exception(), LimitExceeded):
            raise
        hook(thread)
    return invoke


def _start_new_thread(function, args, kwargs={}, /):
    """Takes the place of _thread.start_new_thread."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    own = _Identity()
    try:
        own.run(lambda: function(*args, **kwargs))
    except (SystemExit, LimitExceeded) as error:
        if isinstance(error, LimitExceeded):
            raise
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_globals is globals():
            frames = frames.tb_next
        _cloche.unraisable(error.with_traceback(frames), function)
    return own.ident


# ---- timers ----

def _start_timer(timer):
    """Start the timer: its function is called once the program waits, or at its end."""
    if not timer._initialized:
        raise RuntimeError("thread.__init__() not called")
    if timer._started.is_set():
        raise RuntimeError("threads can only be started once")
    timer._started.set()
    threading._limbo[timer] = timer
    _timers.append((time.monotonic() + timer.interval, timer))
    time.sleep = sleep
    atexit.register(_nothing)  # so that there is something to do at the end: run.finish


def _nothing():
    pass


def _due(entry):
    due, timer = entry
    return 0 if timer.finished.is_set() else due  # one that is cancelled ends at once


def _run_next_timer(seconds):
    """Run the timer that is due first, if that is within this time."""
    entry = min(_timers, key=_due)
    left = _due(entry) - time.monotonic()
    if seconds is not None and left > seconds:
        return False
    _timers.remove(entry)
    _run_timer(entry[1], left)
    return True


def _run_timer(timer, left):
    interval = timer.interval
    if type(timer).run is threading.Timer.run:  # another may wait for its interval many times
        if left > 0:
            _sleep(left)
        timer.interval = 0
    try:
        _run_thread(timer._bootstrap, timer._handle)
    finally:
        timer.interval = interval


def sleep(seconds, /):
    """sleep(seconds)

Delay execution for a given number of seconds.  The argument may be
a floating-point number for subsecond precision."""
    if not _timers:
        return _sleep(seconds)
    until = time.monotonic() + seconds
    while _timers and _run_next_timer(until - time.monotonic()):
        pass
    _sleep(max(0, until - time.monotonic()) if seconds >= 0 else seconds)


def finish():
    """The end of the program waits for timers that are no daemons."""
    _timers[:] = [entry for entry in _timers if not entry[1].daemon]
    while _timers:
        _run_next_timer(None)


# ---- pools ----

def _run_queue(pool):
    """Take the place of ThreadPoolExecutor's method that starts a thread for what is queued.

    submit() calls it with two locks held; what runs may want to submit as well."""
    locks = pool._shutdown_lock, concurrent.futures.thread._global_shutdown_lock
    for lock in locks:
        lock.release()
    try:
        while True:
            item = pool._work_queue.get_nowait()
            if item is not None:
                _run_item(pool, item)
    except queue.Empty:
        pass
    finally:
        for lock in locks:
            lock.acquire()


def _run_item(pool, item):
    """Run it as a thread of the pool that has nothing to do would, or a new one."""
    idle = pool.__dict__.setdefault("_idle", [])
    worker = idle.pop() if idle else _new_worker(pool)
    own, thread = worker
    threading._active[own.ident] = thread
    try:
        own.run(item.run)
    finally:
        threading._active.pop(own.ident, None)
        idle.append(worker)


def _new_worker(pool):
    own = _Identity()
    number = pool.__dict__["_workers"] = pool.__dict__.get("_workers", -1) + 1
    thread = threading.Thread(name=f"{pool._thread_name_prefix or pool}_{number}", daemon=False)
    thread._started.set()
    thread._ident = thread._handle.ident = own.ident
    if pool._initializer is not None:
        threading._active[own.ident] = thread
        try:
            own.run(lambda: pool._initializer(*pool._initargs))
        finally:
            threading._active.pop(own.ident, None)
    return own, thread


def install():
    threading.get_ident = get_ident
    threading._ThreadHandle = _thread._ThreadHandle = _Handle
    threading._start_joinable_thread = _thread.start_joinable_thread = _run_thread
    _thread.start_new_thread = _thread.start_new = _start_new_thread
    threading.Timer.start = _start_timer
    _start_timer.__name__, _start_timer.__qualname__ = "start", "Timer.start"
    concurrent.futures.thread.ThreadPoolExecutor._adjust_thread_count = _run_queue
