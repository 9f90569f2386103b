# Exceptions: chaining, groups, notes, finally order, context, custom hierarchy, tracebacks.
import traceback


class AppError(Exception):
    def __init__(self, message, *, code):
        super().__init__(message)
        self.code = code

    def __str__(self):
        return f"[{self.code}] {self.args[0]}"


class NotFound(AppError):
    pass


def order(log):
    try:
        log.append("try")
        return "from try"
    except ValueError:
        log.append("never")
    else:
        log.append("never either")
    finally:
        log.append("finally")


log = []
print(order(log), log)
try:
    try:
        {}["missing"]
    except KeyError as error:
        raise NotFound("no such key", code=404) from error
except AppError as error:
    print(repr(error), error, repr(error.__cause__), error.__suppress_context__)
try:
    try:
        1 / 0
    finally:
        int("x")
except ValueError as error:
    print(type(error.__context__).__name__, error)
try:
    raise ExceptionGroup("many", [ValueError("a"), TypeError("b"), ExceptionGroup("in", [KeyError("c")])])
except* ValueError as group:
    print("values", group.exceptions)
except* (TypeError, KeyError) as group:
    print("others", [type(e).__name__ for e in group.exceptions], group.message)
error = RuntimeError("base")
error.add_note("first note")
error.add_note("second note")
print("".join(traceback.format_exception_only(error)), end="")
try:
    raise TypeError("plain") from None
except TypeError as caught:
    print(caught.__context__, caught.__cause__)
for action in (lambda: [][0], lambda: None.x, lambda: "a" + 1, lambda: int("12a"), lambda: undefined,
               lambda: len(5), lambda: (lambda a: a)(), lambda: {}.pop("k"), lambda: [1].index(2),
               lambda: "abc".encode("ascii").decode("utf-16"),
               lambda: next(iter([])), lambda: dict([1]), lambda: 2 ** "a", lambda: [1, 2] > 3):
    try:
        action()
    except Exception as error:
        print(type(error).__name__, "|", error)
assert log, "not reached"
try:
    assert not log, "log is not empty"
except AssertionError as error:
    print("assertion:", error)
