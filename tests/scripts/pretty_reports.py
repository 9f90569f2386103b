# Reports: pprint, reprlib, aligned tables, bar charts, wrapped columns, number formats, text trees.
import pprint
import reprlib
import textwrap
from collections import defaultdict

SALES = [("north", "Q1", 1200.5), ("south", "Q1", 800), ("north", "Q2", 1500.25), ("east", "Q1", 300), ("south", "Q2", 950.75), ("east", "Q2", 0)]
pivot = defaultdict(dict)
for region, quarter, amount in SALES:
    pivot[region][quarter] = amount
header = ["region", "Q1", "Q2", "total", "change"]
rows = []
for region, quarters in sorted(pivot.items()):
    total = sum(quarters.values())
    change = (quarters["Q2"] - quarters["Q1"]) / quarters["Q1"]
    rows.append([region, f"{quarters['Q1']:,.2f}", f"{quarters['Q2']:,.2f}", f"{total:,.2f}", f"{change:+.1%}"])
widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
line = "+".join("-" * (width + 2) for width in widths)
for n, row in enumerate([header, *rows]):
    print("|".join(f" {cell:<{width}} " if i == 0 else f" {cell:>{width}} " for i, (cell, width) in enumerate(zip(row, widths))))
    if n == 0:
        print(line)
peak = max(amount for *_, amount in SALES)
for region, quarter, amount in SALES:
    bar = "█" * round(amount / peak * 20)
    print(f"{region[:1].upper()}{quarter} {bar:<20}| {amount:8.1f}")
data = {"name": "x" * 30, "numbers": list(range(25)), "nested": {"deep": {"deeper": [{"a": 1, "b": (1, 2)}, {1, 2, 3}]}, "text": "word " * 20}, "empty": []}
pprint.pprint(data, width=60)
pprint.pprint(data, depth=2, compact=True, width=70, sort_dicts=False)
print(pprint.pformat([{"a": "b"}] * 3, width=20), pprint.isreadable(data), reprlib.repr(list(range(100))), reprlib.repr("x" * 100))


def tree(node, name="root", prefix="", last=True, top=True):
    print(name if top else prefix + ("└── " if last else "├── ") + name)
    if isinstance(node, dict):
        inner = prefix if top else prefix + ("    " if last else "│   ")
        for i, (key, child) in enumerate(node.items()):
            tree(child, key, inner, i == len(node) - 1, False)


tree({"src": {"main.py": None, "lib": {"a.py": None, "b.py": None}}, "tests": {"t.py": None}, "README": None})
left = textwrap.wrap("The quick brown fox jumps over the lazy dog near the bank.", 18)
right = textwrap.wrap("Pack my box with five dozen liquor jugs, said the wizard quickly.", 22)
for i in range(max(len(left), len(right))):
    print(f"{left[i] if i < len(left) else '':<18} | {right[i] if i < len(right) else ''}".rstrip())
for size in (0, 999, 1024, 1536, 10**6, 5 * 2**30, 3 * 2**40):
    amount, unit = float(size), 0
    while amount >= 1024:
        amount, unit = amount / 1024, unit + 1
    print(f"{amount:.1f} {'B KiB MiB GiB TiB'.split()[unit]}", end="; ")
print()
for seconds in (5, 65, 3600, 98765):
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    print((f"{days}d " if days else "") + f"{h:02}:{m:02}:{s:02}", end="; ")
print(f"{1234.5:>12,.2f}|{0.00001234:.3g}|{12345678:.3e}|{42:^7}|{-3.14159:+08.2f}")
