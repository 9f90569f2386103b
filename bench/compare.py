#!/usr/bin/python3
"""Compare two builds of Cloche on this machine: compare.py BEFORE AFTER [--rounds N].

Each round measures every row of `make bench` on both builds in turn, the order swapped from round to
round, so that a machine whose speed drifts hits both sides alike. For each row it prints the geometric
mean of the ratios after/before and their 95 % interval (Student's t on the logarithms). Exit status 1
if a row's whole interval lies above the bound (--bound, 1.03).
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import run as bench

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond that 1.96 is near.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
       2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


def measure(build):
    """One pass over all rows: {name: time}."""
    words = [f"{build}/bench/measure", f"{build}/python.image"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    times = {row["name"]: row["median"] for row in map(json.loads, lines)}
    command = [f"{build}/cloche", "run", "-c", "print(1)"]
    bench.wall(command)
    times["whole process"] = statistics.median(bench.wall(command) for _ in range(10))
    guest = [f"{build}/cloche", "run", "--time", "120s", "--cpu-time", "120s", "-"]
    for path in sorted((bench.HERE / "scripts").glob("*.py")):
        times[path.stem] = bench.milliseconds(guest, path.read_text() + bench.FOOTER)
    return times


def interval(ratios):
    """Geometric mean and 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    quantile = T95[len(logs) - 2] if len(logs) - 2 < len(T95) else 1.96
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--bound", type=float, default=1.03)
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("an interval needs two rounds at least")
    ratios = {}
    for number in range(arguments.rounds):
        sides = [arguments.before, arguments.after]
        if number % 2:
            sides.reverse()
        times = {side: measure(side) for side in sides}
        for name, before in times[arguments.before].items():
            ratios.setdefault(name, []).append(times[arguments.after][name] / before)
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    worse = 0
    print("| row | after / before | 95 % interval |\n|---|---|---|")
    for name, samples in ratios.items():
        mean, low, high = interval(samples)
        over = low > arguments.bound
        worse += over
        print(f"| {name} | {mean:.3f} | {low:.3f} to {high:.3f}{' ABOVE' if over else ''} |")
    scripts = [interval(samples)[0] for name, samples in ratios.items()
               if (bench.HERE / "scripts" / f"{name}.py").exists()]
    print(f"| CPU-bound scripts, geomean | {math.exp(statistics.fmean(map(math.log, scripts))):.3f} | |")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
