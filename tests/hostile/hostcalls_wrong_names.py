"""Names of tools that do not exist, with NULs, paths, surrogates, and lookalikes of real ones."""
# expect: kind=ok stdout=held
called = []
names = [
    "",
    " ",
    "\0",
    "echo\0",
    "echo ",
    " echo",
    "ECHO",
    "\uff45cho",
    "e\u0301cho",
    "../echo",
    "/bin/sh",
    "echo;id",
    "%s%s%n",
    "{0}",
    "\ud800",
    "\udcff",
    "x" * 10**6,
    "__class__",
    "__init__",
    "call_tool",
    "execute_code",
    "\u202eohce",
    "echo\n",
    "'; DROP TABLE",
    "\U0010ffff",
    "\ufeffecho",
    "None",
    "0",
    "-1",
    "clo_plugin",
    "libcloche",
]
for name in names:
    try:
        called.append((name[:20], call_tool(name, value=1)))
    except RuntimeError as error:
        text = str(error)
        if len(text) > 10_000:
            called.append(("long message", len(text)))
print(called or "held")
