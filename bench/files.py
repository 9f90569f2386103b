#!/usr/bin/python3
"""Reading mounted files and writing to /output, against native Python on the same disk: `bench/files.py [BUILD]`. It is
the 3.13 of Debian 13 that builds the image, where the cache has it, else the machine's.

The same programs in turn: natively, in a micro-VM of the caller's process, through a worker, by process isolation.
Each times itself, from its first look at the files, which are in the page cache. Ratios are medians over the rounds,
each taken within its round.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import beside

ROUNDS = 5
SIDES = {"in a micro-VM": ["--placement=thread"], "through a worker": ["--placement=worker"],
         "by process isolation": ["--isolation=process"]}

TIMED = """
import csv, glob, pathlib, sys, time
top = sys.argv[1]
start = time.perf_counter()
%s
print(time.perf_counter() - start, check)
"""

# What, the program, and at most how many times as long as natively it may take: in process, through a worker.
PROGRAMS = {
    "1 GiB in blocks of 1 MiB": ("""
check = 0
with open(top + "/large", "rb", buffering=0) as file:
    while block := file.read(1 << 20):
        check += len(block)
""", 2.0, 2.0),
    "csv.reader over 100 MB": ("""
with open(top + "/table.csv", newline="") as file:
    check = sum(map(len, csv.reader(file)))
""", 1.7, 1.7),
    "10,000 small files by glob and read_text": ("""
check = sum(len(path.read_text()) for path in pathlib.Path(top, "small").glob("*.txt"))
""", 3.0, 5.0),
}


# Likewise in /output, for the record: no targets. Each begins with an empty folder.
WRITING = {
    "1 GiB written in blocks of 1 MiB": """
block, check = b"0123456789abcdef" * 65536, 0
with open(top + "/large", "wb", buffering=0) as file:
    for _ in range(1024):
        check += file.write(block)
""",
    "csv.writer, 100 MB": """
with open(top + "/table.csv", "w", newline="") as file:
    rows = [(i, i / 7, f"name {i % 1000}", "2026-11-29") for i in range(1000)]
    writer = csv.writer(file)
    while file.tell() < 100_000_000:
        writer.writerows(rows)
    check = file.tell()
""",
    "10,000 small files written": """
check = sum(pathlib.Path(top, f"f{number}.txt").write_text("x" * (number % 4000)) for number in range(10_000))
""",
}
ROOM = ["--artifact-file-size=1GiB", "--artifact-total-size=2GiB", "--artifact-files=3000"]
MANY = ["--artifact-files=10000"]


def native():
    cache = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche")
    found = sorted(cache.glob("work/toolchain-*/bin/python3.13"), key=lambda path: path.stat().st_mtime)
    return str(found[-1]) if found else beside.NATIVE


NATIVE = native()


def make(folder):
    dice = random.Random(1)
    block = os.urandom(1 << 20)
    with open(folder / "large", "wb") as file:
        for _ in range(1024):
            file.write(block)
    with open(folder / "table.csv", "w", encoding="ascii") as file:
        while file.tell() < 100_000_000:
            file.writelines(f"{dice.randrange(10 ** 6)},{dice.random()},name {dice.randrange(1000)},2026-11-29,"
                            + ("plain\n" if dice.random() < .9 else '"quoted, in a way"\n') for _ in range(2000))
    (folder / "small").mkdir()
    for number in range(10_000):
        (folder / "small" / f"f{number:05}.txt").write_text("x" * dice.randrange(20, 4000))


def seconds(words, code):
    done = subprocess.run(words, input=TIMED % code, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"bench: {' '.join(words)} failed: {done.stderr}")
    took, check = done.stdout.split()
    return float(took), check


def measured(build):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        natively = [NATIVE, "-", str(folder)]
        guest = [f"{build}/cloche", "run", "--time", "300s", "--mount", f"{folder}:/input"]
        for what, (code, in_process, through) in PROGRAMS.items():
            ratios = {side: [] for side in SIDES}
            times = []
            for _ in range(ROUNDS):
                took, check = seconds(natively, code)
                times.append(took)
                for side, options in SIDES.items():
                    ours, same = seconds([*guest, *options, "-", "/input"], code)
                    if same != check:
                        sys.exit(f"bench: {what} {side}: {same} is not {check}")
                    ratios[side].append(ours / took)
            for side, values in ratios.items():
                yield {"name": f"{what}, {side}", "ratio": statistics.median(values), "least": min(values),
                       "most": max(values), "native_ms": statistics.median(times) * 1000,
                       "target": in_process if side == "in a micro-VM" else through}


def written(build):
    for what, code in WRITING.items():
        guest = [f"{build}/cloche", "run", "--time", "300s", *(MANY if "files" in what else ROOM)]
        ratios = {side: [] for side in SIDES}
        times = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
                took, check = seconds([NATIVE, "-", name], code)
            times.append(took)
            for side, options in SIDES.items():
                ours, same = seconds([*guest, *options, "-", "/output"], code)
                if same != check:
                    sys.exit(f"bench: {what} {side}: {same} is not {check}")
                ratios[side].append(ours / took)
        for side, values in ratios.items():
            yield {"name": f"{what}, {side}", "ratio": statistics.median(values), "least": min(values),
                   "most": max(values), "native_ms": statistics.median(times) * 1000, "target": None}


def verdict(row):
    if row["target"] is None:
        return "none"
    return f"≤ {row['target']:g}: {'met' if row['ratio'] <= row['target'] else 'MISSED'}"


def table(rows):
    version = subprocess.run([NATIVE, "--version"], capture_output=True, text=True).stdout.strip()
    lines = [f"| files | times as long as {version} (least to most) | that, ms | target |", "|---|---|---|---|"]
    lines += [f"| {r['name']} | {r['ratio']:.2f} ({r['least']:.2f} to {r['most']:.2f}) | {r['native_ms']:.0f} "
              f"| {verdict(r)} |" for r in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else "build"
    print(table([*measured(where), *written(where)]))
