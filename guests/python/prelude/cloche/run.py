"""How a run ends: what is told of an exception, and what the end of a process would do."""

import _io
import atexit
import gc
import itertools
import logging
import sys
import traceback

import _cloche

from cloche import threads

_TRACEBACK_MAX = 65536  # characters; the middle of a longer one is left out
_MESSAGE_MAX = 16384
_REASON_MAX = 1024
_NOTES_MAX = 1000  # characters of what is told of repairs
_LARGE = 8192  # characters of a traceback, beyond which long messages and lines lose their middle
_LONG = 2000  # characters of one message or line that are left then
_ITEMS_MAX = 65536  # items of a list, a dict ... whose repr is made
_OWN_FRAMES = sys._getframe().f_code.co_filename.partition("cloche")[0] + "cloche"


packages = []  # of an image that has more than the standard library: their names, with versions
notes = []  # what the program's reader is told of it, each a sentence without its full stop


def repair(source):
    """The program as it was meant, where it does not compile as it came; None: it is not plain."""
    from cloche.repair import repair

    found = repair(source)
    if found is None:
        return None
    notes.extend(found[1])
    return found[0]


def unwrap(source):
    """The code in arguments that are no JSON object with "code"."""
    from cloche.repair import unwrap

    code, note = unwrap(source)
    notes.append(note)
    return code


def take_notes():
    """All of them in one line; the next program of a session begins without."""
    text = "; ".join(dict.fromkeys(note for note in notes if type(note) is str))
    notes.clear()
    text = " ".join(text.split())
    return text if len(text) <= _NOTES_MAX else text[:_NOTES_MAX - 4] + " ..."


def run_coroutine(coroutine):
    from cloche.loop import run

    return run(coroutine)


def finish():
    """Timers that still run, the callbacks of atexit, what logging's handlers and open files hold back."""
    if not _cloche.reason():  # a limit of the run waits for nothing
        threads.finish()
    atexit._run_exitfuncs()
    for reference in list(logging._handlerList):
        handler = reference()
        if handler is not None:
            handler.flush()
    _flush_files()


def _flush_files():
    """As at the end of a process: what files in /output hold back is written."""
    failure = None
    for file in gc.get_objects():
        if not issubclass(type(file), _io._IOBase):
            continue
        try:
            if not file.closed:
                file.flush()
        except OSError as error:
            failure = failure or error
        except Exception:
            continue  # a class of the program's, or a file whose buffer is another's now
    if failure is not None:
        raise failure


def repr_of_large(value):
    """The first part of the repr of a text, bytes or container that is too large to be shown."""
    size = len(value)
    if isinstance(value, (list, tuple, str, bytes)):
        part = value[:_ITEMS_MAX]
    elif isinstance(value, dict):
        part = dict(itertools.islice(value.items(), _ITEMS_MAX))
    else:
        part = type(value)(itertools.islice(value, _ITEMS_MAX))
    unit = {str: "characters", bytes: "bytes"}.get(type(value), "items")
    text = repr(part)[:_ITEMS_MAX]
    return f"{text} ... [cut: the value is a {type(value).__name__} of {size} {unit}]"


def describe(value, exception):
    """What is told of a value whose repr() has raised."""
    try:
        reason = _cut(_safe_str(exception), _REASON_MAX)
        return (f"<{_type_name(type(value))} object: its repr() raised "
                f"{_type_name(type(exception))}{': ' if reason else ''}{reason}>")
    except Exception:  # the classes may be anything
        return "<an object: its repr() raised an exception>"


def _hint(exception):
    """What the reader of an error is told beside it."""
    kind = type(exception)
    if kind is ModuleNotFoundError and exception.msg == f"No module named {exception.name!r}":
        name = str(exception.name).partition(".")[0]
        if name not in sys.stdlib_module_names and name not in sys.modules:
            beside = f" and {', '.join(packages)} are" if packages else " is"
            exception.add_note(f"Only Python's standard library{beside} here, and nothing can be "
                               "installed.")


def report(exception, name):
    """Print what an uncaught exception deserves; the exit code and the error for the host."""
    if issubclass(type(exception), SystemExit):  # isinstance believes a forged __class__
        return _exit_code(exception), None
    try:
        _hint(exception)
    except Exception:
        pass  # the program may have changed anything
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
        if len(text) > _LARGE:
            text = _without_middles(whole)
    except Exception as error:  # the program may have changed anything
        text = (f"{_type_name(type(exception))}: {_safe_str(exception)}\n"
                f"(the traceback cannot be shown: {type(error).__name__})\n")
    return _cut(text, _TRACEBACK_MAX)


def _without_middles(whole):
    """The traceback once more: neither one message nor one line of source shall push the rest out
    of what its reader is shown."""
    _cut_messages(whole, set())
    lines = "".join(whole.format()).split("\n")
    return "\n".join(line if len(line) <= _LONG else
                     f"{line[:_LONG // 2]} [... {len(line) - _LONG} characters left out ...] "
                     f"{line[-_LONG // 2:]}" for line in lines)


def _cut_messages(whole, seen):
    if whole is None or id(whole) in seen:
        return
    seen.add(id(whole))
    if isinstance(whole._str, str):
        whole._str = _cut(whole._str, 2 * _LONG)
    _cut_messages(whole.__cause__, seen)
    _cut_messages(whole.__context__, seen)
    for inner in whole.exceptions or ():
        _cut_messages(inner, seen)


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
