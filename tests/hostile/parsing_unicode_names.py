"""Identifiers that normalize to others, invisible characters, bidirectional tricks."""
# expect: kind=ok stdout=held
wrong = []
scope = {}
exec(
    "\ufb01le = 1\nassert file == 1\n\U0001d429\U0001d42b\U0001d422\U0001d427\U0001d42d = 5\nassert print == 5",
    scope,
)
for source in (
    "a\u200bb = 1",
    "\u202ea = 1",
    "a\u2066 = 1",
    "\u00a0x = 1",
    "x\u3000= 1",
    "\ue000 = 1",
    "\ud800 = 1",
    "\U000e0001 = 1",
    "a\u0301" * 1000 + " = \u00bd",
    "1\u0661",
    "\u0661\u0662",
    "\uff11",
    "\u2028x = 1",
    "x = 1\u0085y",
    "\u037a = 1",
    "if\u2003 1: pass",
    "\ufeff\ufeffx",
    "\u1885 = 1\u200c",
    "\u2118 = 1; \u2e2f",
    "\u00b7a = 1",
    "\\u0061 = 1",
    "\u0130 = 1; i\u0307",
    "\uff08x\uff09",
):
    try:
        exec(source, {})
        if not source[0].isidentifier() and source[0] != "\u1885" and source[0] != "\u2118":
            wrong.append(source)
    except (SyntaxError, UnicodeError, NameError):
        pass
exec("x = 1; \uff58 += 1; assert x == 2", {})
setattr(type("T", (), {}), "\ud800" * 1000, 1)
globals()["\ud800"] = globals()[""] = globals()["\0"] = 1
names = {chr(n) for n in range(0x110000) if chr(n).isidentifier()}
print(wrong or ("held" if len(names) > 100_000 else len(names)))
