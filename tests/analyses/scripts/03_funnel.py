# reads: events.jsonl
"""From view to purchase, by source; what was no JSON is counted, not fatal."""
import csv
import json
from collections import defaultdict

steps = ["view", "search", "cart", "purchase"]
users, value, broken = defaultdict(set), defaultdict(float), 0
with open("/input/events.jsonl", encoding="utf-8") as lines:
    for line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            broken += 1
            continue
        source = event["source"] or "unknown"
        users[source, event["type"]].add(event["user"])
        value[source] += event.get("value", 0)
with open("/output/funnel.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["source", *steps, "conversion", "value"])
    for source in sorted(value):
        counts = [len(users[source, step]) for step in steps]
        table.writerow([source, *counts, f"{counts[-1] / counts[0]:.4f}", f"{value[source]:.2f}"])
print(broken, "lines were broken")
