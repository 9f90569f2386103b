"""The exceptions that come from the host."""

import _cloche


class ToolError(RuntimeError):
    """A tool failed, refused its arguments, or does not exist."""


class LimitExceeded(KeyboardInterrupt):
    """A limit of the run was reached. What goes on after it is stopped a moment later.

    It interrupts from outside, as KeyboardInterrupt does, and being one it gets through asyncio,
    which keeps other exceptions of a task until somebody asks for them.

    The host sets it as the thread's pending exception and says why in the control page, as
    "ClassName: what happened" or just what happened.
    """

    def __new__(cls, *arguments):
        if cls is LimitExceeded and not arguments:
            name, colon, _ = _cloche.reason().partition(": ")
            if colon and name in KINDS:
                return KINDS[name].__new__(KINDS[name])
        return super().__new__(cls, *arguments)

    def __str__(self):
        if self.args:
            return super().__str__()
        reason = _cloche.reason()
        name, colon, text = reason.partition(": ")
        return text if colon and name in KINDS else reason or "a limit of the run was reached"


class TimeLimitExceeded(LimitExceeded):
    """The run's wall time is over."""


class CpuLimitExceeded(TimeLimitExceeded):
    """The run's processor time is over."""


class OutputLimitExceeded(LimitExceeded):
    """The run has printed more than it may."""


class HostCallLimitExceeded(LimitExceeded):
    """The run has called the host more often than it may."""


KINDS = {
    kind.__name__: kind
    for kind in (LimitExceeded, TimeLimitExceeded, CpuLimitExceeded, OutputLimitExceeded,
                 HostCallLimitExceeded)
}

for _kind in (ToolError, *KINDS.values()):
    _kind.__module__ = "builtins"
