# reads: app.log
"""Errors of an application, grouped by their traceback."""
import hashlib
import re
from pathlib import Path

groups = {}
block = None
for line in Path("/input/app.log").read_text(encoding="utf-8").splitlines():
    if re.match(r"\d{4}-\d\d-\d\dT", line):
        block = {"when": line[:23], "lines": []} if " ERROR " in line else None
        continue
    if block is None:
        continue
    block["lines"].append(line)
    if not line.startswith(("Traceback", " ")):
        shape = "\n".join(re.sub(r"0x[0-9a-f]+|\d+", "N", one) if one is line else one for one in block["lines"])
        group = groups.setdefault(hashlib.sha256(shape.encode()).hexdigest()[:12],
                                  {"count": 0, "first": block["when"], "example": "\n".join(block["lines"])})
        group["count"] += 1
        group["last"] = block["when"]
report = Path("/output/errors")
report.mkdir()
for name, group in groups.items():
    (report / f"{name}.txt").write_text(f"{group['count']} times, {group['first']} to {group['last']}\n\n{group['example']}\n")
for name, group in sorted(groups.items(), key=lambda item: (-item[1]["count"], item[0])):
    print(name, group["count"])
