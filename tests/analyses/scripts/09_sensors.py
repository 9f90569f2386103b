# reads: sensors.zip
"""Measurements of a year: spikes out, hours averaged, a line for each sensor as SVG."""
import csv
import io
import math
import statistics
import zipfile
from collections import defaultdict

hours, spikes = defaultdict(list), 0
with zipfile.ZipFile("/input/sensors.zip") as archive:
    for name in sorted(archive.namelist()):
        with archive.open(name) as part:
            table = csv.DictReader(io.TextIOWrapper(part, "utf-8"), delimiter="\t")
            rows = [(row["time"], row["sensor"], float(row["value"].replace(",", "."))) for row in table]
        middle = statistics.fmean(value for _, _, value in rows)
        spread = statistics.pstdev([value for _, _, value in rows])
        for time, sensor, value in rows:
            if abs(value - middle) > 4 * spread:
                spikes += 1
            else:
                hours[sensor, time[:13]].append(value)
with open("/output/hourly.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["sensor", "hour", "mean", "count"])
    for (sensor, hour), values in sorted(hours.items()):
        table.writerow([sensor, hour, f"{math.fsum(values) / len(values):.4f}", len(values)])
lines = defaultdict(list)
for (sensor, hour), values in sorted(hours.items()):
    lines[sensor].append(math.fsum(values) / len(values))
with open("/output/year.svg", "w") as file:
    file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 300">\n')
    for sensor, values in sorted(lines.items()):
        points = " ".join(f"{at * 1000 / len(values):.1f},{300 - value * 8:.1f}" for at, value in enumerate(values))
        file.write(f'<polyline fill="none" stroke="black" points="{points}"><title>{sensor}</title></polyline>\n')
    file.write("</svg>\n")
print(spikes, "spikes in", sum(map(len, hours.values())) + spikes)
