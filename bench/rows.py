"""A row of the benchmarks' tables, as bench/measure.c prints it, and what processes take of memory."""

import statistics
from pathlib import Path


def row(name, unit, samples):
    samples = sorted(samples)
    return {"name": name, "unit": unit, "median": statistics.median(samples),
            "p99": samples[min(len(samples) - 1, len(samples) * 99 // 100)], "count": len(samples)}


def tree(process):
    """A process and all that it and its threads started."""
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def pss_mib(process):
    """Of a process and all below it, in MiB: a page that n processes share counts as 1/n of it."""
    kib = 0
    for one in tree(process):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024
