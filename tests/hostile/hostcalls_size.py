"""Messages just below and just above the eight mebibytes of one host call."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []
limit = 8 << 20
for size, good in ((limit - 1000, True), (limit - 1, False), (limit, False), (limit * 2, False)):
    for value in ("x" * size, b"y" * size, ["z" * (size // 2)] * 2):
        try:
            call_tool("measure", value=value)
            wrong += [] if good else [("accepted", type(value).__name__, size)]
        except (RuntimeError, ValueError) as error:
            wrong += [(str(error)[:99], size)] if good else []
if call_tool("echo", value="w" * (limit // 2)) != "w" * (limit // 2):
    wrong.append("changed on the way")
number = 1 << (limit * 7)
if call_tool("echo", value=number) != number:
    wrong.append("the large integer changed")
print(wrong or "held")
