"""Text that is hard to carry, to a tool and back: surrogates, NULs, marks, every code point."""
# expect: kind=ok stdout=held
# limits: --memory 256MiB
wrong = []
texts = [
    "\ud800",
    "\udfff\ud800",
    "\ud83d\ude00",
    "\0",
    "a\0b",
    "\ufeff",
    "\ufffe\uffff",
    "\x1b[2J",
    "\u202e",
    "e\u0301" * 1000,
    "\U0010ffff",
    "\x7f\x80\x9f",
    "".join(map(chr, range(0x110000)))[: 1 << 19],
]
for text in texts:
    for value in (text, [text], {text: text}, {"k": {text + "1": [text]}}):
        answer = call_tool("echo", value=value)
        if answer != value:
            wrong.append(ascii(value)[:60])
for number in (
    0.0,
    -0.0,
    1e308,
    5e-324,
    float("inf"),
    -float("inf"),
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    -(2**63) - 1,
    -(2**64),
    -(2**64) - 1,
    10**300,
    True,
    False,
    None,
    b"",
    b"\0\xff" * 999,
    "",
    [],
    {},
):
    answer = call_tool("echo", value=number)
    if (repr(answer), type(answer)) != (repr(number), type(number)):
        wrong.append((number, answer))
if (nan := call_tool("echo", value=float("nan"))) == nan:
    wrong.append(nan)
print(wrong or "held")
