"""Failures with hostile messages, raised, caught, chained and tampered with."""
# expect: kind=exception type=ToolError
messages = [
    "",
    "\0",
    "x\0y",
    "\ud800",
    "\x1b[2J\x1b]0;owned\x07",
    "%n%s%d",
    "\u202e",
    "m" * 700,
    "m" * 100_000,
    "\n" * 100,
    "{}",
    "wall time limit reached",
]
for message in messages:
    try:
        call_tool("fail", message=message)
        print("no failure")
    except RuntimeError as error:
        assert isinstance(error, ToolError), type(error)
        error.args = (error,)
        try:
            str(error)
        except RecursionError:
            pass
ToolError.__init__ = lambda self, *words: None
try:
    ToolError.__str__ = lambda self: 1 / 0
    ToolError.__bases__ = (KeyboardInterrupt,)
except TypeError:
    pass
call_tool("fail", message="the last")
