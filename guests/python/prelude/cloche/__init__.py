"""What a program in the sandbox may use of its host.

call_tool(name, **arguments)        call a tool and wait for its answer
call_tool_async(name, **arguments)  the same as a coroutine: asyncio.gather runs several at once
ToolError                           raised when a tool fails; a RuntimeError
LimitExceeded                       raised when a limit of the run is reached; no Exception

All of them are builtins as well. The other modules of this package are not for programs.
"""

from cloche import constants

constants.install()  # before the imports below import socket

from cloche.errors import LimitExceeded, TimeLimitExceeded, ToolError
from cloche.tools import call_tool, call_tool_async

__all__ = ["call_tool", "call_tool_async", "ToolError", "LimitExceeded", "TimeLimitExceeded"]
