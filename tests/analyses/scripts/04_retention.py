# reads: events.jsonl
"""Who comes back: weekly cohorts, and a chart of them as SVG."""
import json
from collections import defaultdict
from datetime import datetime, timezone

weeks = defaultdict(set)
with open("/input/events.jsonl", encoding="utf-8") as lines:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        moment = datetime.fromisoformat(event["ts"].replace("Z", "+00:00"))
        weeks[event["user"]].add((moment - datetime(2025, 1, 1, tzinfo=timezone.utc)).days // 7)
cohorts = defaultdict(lambda: defaultdict(int))
for user, active in weeks.items():
    first = min(active)
    for week in active:
        cohorts[first][week - first] += 1
with open("/output/retention.json", "w") as file:
    json.dump({first: {later: count for later, count in sorted(row.items())} for first, row in sorted(cohorts.items())},
              file, indent=1)
bars = []
for first, row in sorted(cohorts.items()):
    for later, count in sorted(row.items()):
        shade = 255 - int(255 * count / row[0])
        bars.append(f'<rect x="{later * 20}" y="{first * 20}" width="20" height="20" fill="rgb({shade},{shade},255)">'
                    f"<title>week {first}+{later}: {count}</title></rect>")
with open("/output/retention.svg", "w") as file:
    file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">' + "".join(bars) + "</svg>\n")
print(len(weeks), "users")
