# reads: access.log.gz
"""A web server's log: statuses by hour, latencies by path, who asks most."""
import csv
import gzip
import json
import re
from collections import Counter, defaultdict

pattern = re.compile(r'(?P<host>\S+) \S+ \S+ \[(?P<day>[^:]+):(?P<hour>\d\d)[^]]*\] "(?P<method>[A-Z]+) (?P<path>/[^? ]*)\S* [^"]*" '
                     r'(?P<status>\d{3}) (?P<size>\d+|-) "[^"]*" "(?:[^"\\]|\\.)*" (?P<took>[\d.]+)')
hours, took, hosts, other = defaultdict(Counter), defaultdict(list), Counter(), 0
with gzip.open("/input/access.log.gz", "rt", encoding="utf-8", errors="replace") as lines:
    for line in lines:
        found = pattern.match(line)
        if not found:
            other += 1
            continue
        hours[found["day"], found["hour"]][found["status"]] += 1
        took["/".join(found["path"].split("/")[:3])].append(float(found["took"]))
        hosts[found["host"]] += 1
with open("/output/statuses.csv", "w", newline="") as file:
    table = csv.writer(file)
    statuses = sorted({status for row in hours.values() for status in row})
    table.writerow(["day", "hour", *statuses])
    table.writerows([*key, *(row[status] for status in statuses)] for key, row in hours.items())
report = {}
for path, values in sorted(took.items()):
    values.sort()
    report[path] = {"requests": len(values), **{f"p{p}": values[len(values) * p // 100] for p in (50, 95, 99)}}
with open("/output/latency.json", "w") as file:
    json.dump({"paths": report, "hosts": sorted(hosts.items(), key=lambda item: (-item[1], item[0]))[:20], "other": other}, file)
print(other, "lines were no requests")
