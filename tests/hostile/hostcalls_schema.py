"""Arguments made to hurt the checker: catastrophic patterns, uniqueness of many, numbers at the
edge."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
import time

wrong = []
start = time.monotonic()
attacks = [{"text": "a" * n + "!"} for n in (30, 1000, 60_000, 1_000_000)]
attacks += [
    {"unique": list(range(100_000)) + [5]},
    {"unique": [[n, {"k": n % 7}] for n in range(30_000)] * 2},
    {"unique": [1, True, 1.0]},
    {"number": 10**4000},
    {"number": float("nan")},
    {"number": 1e308 * 10},
    {"number": -(10**400)},
    {"number": 0.1},
    {"short": "\U0001f600" * 11},
    {"short": "\ud800" * 11},
    {"nested": {"nested": {"nested": {"nested": 5}}}},
]
deep = {"nested": {}}
for _ in range(60):
    deep = {"nested": deep}
attacks.append(deep | {"text": "b"})
attacks.append({f"k{n}": n for n in range(200_000)})
for arguments in attacks:
    try:
        call_tool("picky", **arguments)
        wrong.append(str(arguments)[:50])
    except RuntimeError as error:
        if len(str(error)) > 5000:
            wrong.append(("long message", len(str(error))))
if time.monotonic() - start > 30:  # what they guard against takes hours
    wrong.append("the checks took too long")
print(wrong or "held")
