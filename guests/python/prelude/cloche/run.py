"""How a run ends: what is told of an exception, and what the end of a process would do."""

import atexit
import logging
import sys
import traceback

import _cloche

from cloche import threads

_TRACEBACK_MAX = 65536  # characters; the middle of a longer one is left out
_MESSAGE_MAX = 16384
_REASON_MAX = 1024
_OWN_FRAMES = sys._getframe().f_code.co_filename.partition("cloche")[0] + "cloche"


def run_coroutine(coroutine):
    from cloche.loop import run

    return run(coroutine)


def finish():
    """Timers that still run, the callbacks of atexit, and what logging's handlers hold back."""
    if not _cloche.reason():  # a limit of the run waits for nothing
        threads.finish()
    atexit._run_exitfuncs()
    for reference in list(logging._handlerList):
        handler = reference()
        if handler is not None:
            handler.flush()


def describe(value, exception):
    """What is told of a value whose repr() has raised."""
    try:
        reason = _cut(_safe_str(exception), _REASON_MAX)
        return (f"<{_type_name(type(value))} object: its repr() raised "
                f"{_type_name(type(exception))}{': ' if reason else ''}{reason}>")
    except Exception:  # the classes may be anything
        return "<an object: its repr() raised an exception>"


def report(exception, name):
    """Print what an uncaught exception deserves; the exit code and the error for the host."""
    if issubclass(type(exception), SystemExit):  # isinstance believes a forged __class__
        return _exit_code(exception), None
    if sys.excepthook is not sys.__excepthook__:
        try:
            sys.excepthook(type(exception), exception, exception.__traceback__)
        except BaseException as error:
            _print(_format(error, name))
        text = _format(exception, name)
    else:
        text = _format(exception, name)
        _print(text)
    return 1, {
        "type": _type_name(type(exception)),
        "message": _cut(_safe_str(exception), _MESSAGE_MAX),
        "traceback": text,
        "line": _line(exception, name),
    }


def _exit_code(exception):
    code = exception.code
    if code is None:
        return 0
    if issubclass(type(code), int):
        return int(code) if -0x80000000 <= code <= 0x7fffffff else 255
    _print(_safe_str(code) + "\n")
    return 1


def _type_name(kind):
    module = kind.__module__
    if not isinstance(module, str) or module in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def _safe_str(value):
    try:
        return str(value)
    except BaseException:
        return f"<{type(value).__name__} whose str() raises>"


def _cut(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... [{len(text) - 2 * half} characters left out] ...\n{text[-half:]}"


def _line(exception, name):
    if issubclass(type(exception), SyntaxError) and exception.filename == name:
        return exception.lineno
    line = None
    frames = exception.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename == name:
            line = frames.tb_lineno
        frames = frames.tb_next
    return line


def _format(exception, name):
    try:
        whole = traceback.TracebackException(
            type(exception), exception, exception.__traceback__, compact=True)
        _begin_at(whole, name)
        _hide_own_frames(whole, set())
        text = "".join(whole.format())
    except Exception as error:  # the program may have changed anything
        text = (f"{_type_name(type(exception))}: {_safe_str(exception)}\n"
                f"(the traceback cannot be shown: {type(error).__name__})\n")
    return _cut(text, _TRACEBACK_MAX)


def _begin_at(whole, name):
    """Leave out what lies between the interpreter and the program: asyncio, when it awaits."""
    for index, frame in enumerate(whole.stack):
        if frame.filename == name:
            del whole.stack[:index]
            break


def _hide_own_frames(whole, seen):
    """The frames of this package say nothing to the reader, in chained exceptions neither."""
    if whole is None or id(whole) in seen:
        return
    seen.add(id(whole))
    whole.stack[:] = [
        frame for frame in whole.stack if not frame.filename.startswith(_OWN_FRAMES)]
    if not whole.stack and issubclass(whole.exc_type, SyntaxError):
        whole.stack = None  # without the heading that announces frames
    _hide_own_frames(whole.__cause__, seen)
    _hide_own_frames(whole.__context__, seen)
    for inner in whole.exceptions or ():
        _hide_own_frames(inner, seen)


def _print(text):
    for stream in (sys.stderr, sys.__stderr__):
        try:
            stream.write(text)
            stream.flush()
            return
        except Exception:
            continue  # closed or replaced by the program: take CPython's own
