"""The builtins that CPython's site module would add, and those of the sandbox."""

import builtins
import sys

import _sitebuiltins

from cloche import errors
from cloche.tools import Tool, call_tool, call_tool_async


class _Quitter:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"Use {self.name}() to end the program"

    def __call__(self, code=None):
        raise SystemExit(code)


class _Helper(_sitebuiltins._Helper):
    def __call__(self, *args, **options):
        if args and isinstance(args[0], Tool):
            tool = args[0]
            text = "\n".join("    " + line for line in tool.__doc__.splitlines())
            sys.stdout.write(f"{tool.__name__}{tool.__signature__}\n{text}\n")
            return None
        if not args and not options:
            sys.stdout.write("help(object) prints what is known of the object.\n")
            return None
        return super().__call__(*args, **options)


def display(*values):
    """What a notebook's cell shows of values: their repr, each on a line of its own."""
    for value in values:
        sys.stdout.write(f"{value!r}\n")


def install():
    display.__module__ = "builtins"
    builtins.display = display
    builtins.exit = _Quitter("exit")
    builtins.quit = _Quitter("quit")
    builtins.help = _Helper()
    for name, value in {
        "call_tool": call_tool, "call_tool_async": call_tool_async,
        "ToolError": errors.ToolError, **errors.KINDS,
    }.items():
        setattr(builtins, name, value)
