"""A tool that answers what it must not: too much, too deep, no UTF-8; it is an error of that call
alone."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []
for kind in ("huge", "deep", "wide", "invalid", "silent"):
    for _ in range(3):
        try:
            answer = call_tool("result", kind=kind)
            if kind != "invalid":
                wrong.append((kind, type(answer)))
        except RuntimeError as error:
            if not isinstance(error, ToolError):
                wrong.append((kind, error))
for kind in ("small", "large", "nan", "names"):
    try:
        call_tool("result", kind=kind)
    except RuntimeError as error:
        wrong.append((kind, str(error)[:200]))
if call_tool("echo", value="well") != "well":
    wrong.append("afterwards")
print(wrong or "held")
