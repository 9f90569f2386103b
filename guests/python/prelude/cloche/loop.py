"""The event loop of asyncio. It waits in the host: for a time, for the answer of a tool, or both.

There are no sockets, pipes, processes or threads to wait for, so this is all that a loop needs
beside what asyncio's own base class does. While it waits the processor is free.
"""

import asyncio
import contextlib
import functools
from asyncio import base_events, events
from types import TracebackType

import _cloche

from cloche.errors import LimitExceeded, ToolError
from cloche.threads import apart

_futures = {}  # of calls of tools that are not answered: id -> future, of any loop
_program_loop = None  # of a program that awaits at its top level

# A look at the host is an exit from the micro-VM. While tasks are ready to run, one in this many
# turns of the loop looks for answers.
_TURNS_BETWEEN_LOOKS = 16


class Loop(base_events.BaseEventLoop):
    """An event loop whose only events are time and the answers of tools."""

    def __init__(self):
        super().__init__()
        self._selector = self
        self._calls = set()  # ids of its own in _futures
        self._turns = 0
        self._main = None  # the task that run_until_complete waits for

    # What the base class asks of a selector.

    def select(self, timeout=None):
        if timeout is not None and timeout <= 0:
            self._turns += 1
            if not self._calls or self._turns % _TURNS_BETWEEN_LOOKS:
                return ()
        elif timeout is None and not self._calls:
            raise RuntimeError(
                "deadlock: every task waits for another one, and no timer or tool can wake any"
            ).with_traceback(_where_it_waits(self._main))
        try:
            answer = _cloche.wait(timeout)
        except LimitExceeded as error:
            raise error.with_traceback(_where_it_waits(self._main)) from None
        return () if answer is None else (answer,)

    def _process_events(self, answers):
        for call, succeeded, value in answers:
            future = _futures.pop(call, None)
            if future is None:
                continue
            future.get_loop()._calls.discard(call)
            if future.done():
                continue  # nobody waits any more
            if succeeded:
                future.set_result(value)
            else:
                future.set_exception(ToolError(value))

    def _write_to_self(self):
        pass  # there is no other thread that could have to wake the loop

    def run_forever(self):
        with _beside_program_loop():
            super().run_forever()

    def run_until_complete(self, future):
        if self is _program_loop and self.is_running() and asyncio.iscoroutine(future):
            return asyncio.run(future)
        self._main = asyncio.ensure_future(future, loop=self)
        if self._main is not future:
            self._main._log_destroy_pending = False
        with _beside_program_loop():
            return super().run_until_complete(self._main)

    def close(self):
        if not self.is_running():
            for call in self._calls:
                _futures.pop(call, None)
            self._calls.clear()
        super().close()

    def call_tool(self, name, arguments):
        """Start a call of a tool; the future gets its answer."""
        future = self.create_future()
        call = _cloche.submit(name, arguments)
        self._calls.add(call)
        _futures[call] = future
        return future

    # What would run in another thread runs here and now.

    def run_in_executor(self, executor, func, *args):
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(apart(func, *args))
        except StopIteration as error:
            raised = RuntimeError("function raised StopIteration")
            raised.__cause__ = error
            future.set_exception(raised)
        except Exception as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout=None):
        pass

    def add_signal_handler(self, sig, callback, *args):
        pass  # no signal ever comes

    def remove_signal_handler(self, sig):
        return False

    # What cannot be.

    async def create_connection(self, *args, **options):
        raise OSError("there is no network in this sandbox")

    async def create_server(self, *args, **options):
        raise OSError("there is no network in this sandbox")

    async def create_datagram_endpoint(self, *args, **options):
        raise OSError("there is no network in this sandbox")

    async def subprocess_exec(self, *args, **options):
        raise OSError("there are no processes in this sandbox")

    async def subprocess_shell(self, *args, **options):
        raise OSError("there are no processes in this sandbox")


def _where_it_waits(task):
    """A traceback of the suspended frames of a task: the lines that wait, for the reader."""
    frames = []
    awaitable = task.get_coro() if isinstance(task, asyncio.Task) else None
    while awaitable is not None:
        for kind, inner in (("cr", "cr_await"), ("ag", "ag_await"), ("gi", "gi_yieldfrom")):
            frame = getattr(awaitable, f"{kind}_frame", None)
            if frame is not None:
                frames.append(frame)
                awaitable = getattr(awaitable, inner)
                break
        else:
            break
    whole = None
    for frame in reversed(frames):
        whole = TracebackType(whole, frame, frame.f_lasti, frame.f_lineno)
    return whole


class Policy(events.BaseDefaultEventLoopPolicy):
    _loop_factory = Loop


@contextlib.contextmanager
def _beside_program_loop():
    """Let a program that awaits at its top level also run loops of its own, as others do: the
    loop that runs the program stands still meanwhile, as the program does."""
    aside = _program_loop is not None and events._get_running_loop() is _program_loop
    if aside:
        events._set_running_loop(None)
    try:
        yield
    finally:
        if aside:
            events._set_running_loop(_program_loop)


def _beside(function):
    @functools.wraps(function)
    def call(*args, **options):
        with _beside_program_loop():
            return function(*args, **options)
    return call


def install():
    asyncio.Runner.run = _beside(asyncio.Runner.run)
    asyncio.run = asyncio.runners.run = _beside(asyncio.run)
    # programs reset the policy, or ask for the default one by name: theirs is ours
    asyncio.DefaultEventLoopPolicy._loop_factory = Loop
    asyncio.set_event_loop_policy(Policy())
    asyncio.EventLoop = asyncio.SelectorEventLoop = Loop


def run(coroutine):
    """Run the coroutine of a program that awaits at its top level."""
    global _program_loop
    with asyncio.Runner(loop_factory=Loop) as runner:
        _program_loop = runner.get_loop()
        try:
            return runner.run(_only_value(coroutine))
        finally:
            _program_loop = None


async def _only_value(coroutine):
    return await coroutine
