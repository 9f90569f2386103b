"""What others take for the same: `make bench` measures them in the same run, as they come from PyPI. Where there is no
network a peer is left out, and where it does not start the table has its reason."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from rows import pss_mib, row

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
import environments  # noqa: E402

NATIVE = "/usr/bin/python3"  # Debian's own, not another that PATH may find first
PROCESSES = 100
NAMES = ("name", "start", "clean run", "tool call", "whole request", "memory", "wall", "Python", "limits", "tools")
HYPERLIGHT = "hyperlight-sandbox"


def python_of(name):
    """The interpreter of a peer's environment, or None without a network."""
    folder = HERE / "peers" / name
    place = environments.place_of(folder)
    try:
        environments.install(folder, place)
    except environments.NoNetwork:
        print(f"bench: NO NETWORK: {name.upper()} IS NOT MEASURED")
        return None
    return str(place / "bin" / "python")


def measure(name):
    """The rows that a peer's own program prints."""
    python = python_of(name)
    if not python:
        return []
    done = subprocess.run([python, HERE / "peers" / name / "measure.py"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench: {name} failed")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        print(f"  {row['name']}: {row.get('failure') or '%.1f %s' % (row['median'], row['unit'])}", flush=True)
    return rows


def both(before, after):
    """Of two runs of the same rows the mean of each."""
    again = {row["name"]: row for row in after}
    return [{**row, **{key: (row[key] + again[row["name"]][key]) / 2 for key in ("median", "p99")}} for row in before]


def processes():
    """Floors: a process that does nothing, and Debian's python3 with print(1), from start to end."""
    sides = {"an empty process": ["/bin/true"], "python3": [NATIVE, "-c", "print(1)"]}
    samples = {name: [] for name in sides}
    silent = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    for _ in range(PROCESSES):
        for name, words in sides.items():
            start = time.perf_counter()
            os.waitpid(os.posix_spawn(words[0], words, {}, file_actions=silent), 0)
            samples[name].append((time.perf_counter() - start) * 1e6)
    rows = [row(f"{name}: start to end", "us", times) for name, times in samples.items()]
    with subprocess.Popen([NATIVE, "-c", "print(1, flush=True); input()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as idle:
        idle.stdout.readline()
        rows.append(row("python3: memory", "MiB", [pss_mib(idle.pid)]))
        idle.stdin.close()
    return rows


# ---- the table ----

def scale(us):
    """A time with its unit, to three digits."""
    unit, size = next(((unit, size) for unit, size in (("s", 1e6), ("ms", 1e3)) if us >= size), ("µs", 1))
    value = us / size
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def of_cloche(cell, wall, run, call):
    """The five figures by one wall; the host's where a host is needed."""
    return (cell(f"Cloche, {wall}: start to first answer"), cell(run), cell(call),
            cell(f"Cloche, {wall}: whole request"), cell(f"Cloche, {wall}: memory"))


def of_hyperlight(known, cell):
    failure = known.get(HYPERLIGHT, {}).get("failure")
    if failure:
        return (f"does not start here: {failure.rpartition('Unexpected VM exit: ')[2]}", "", "", "", "")
    return (cell(f"{HYPERLIGHT}: start to first printed result"), cell(f"{HYPERLIGHT}: clean run, print(1)"),
            cell(f"{HYPERLIGHT}: tool call"), "", cell(f"{HYPERLIGHT}: memory"))


def table(measured):
    """Cloche beside others, in Markdown. A peer of which nothing was measured is left out."""
    known = {row["name"]: row for row in measured}

    def cell(name):
        row = known.get(name)
        if not row:
            return ""
        return f"{row['median']:.0f} MiB" if row["unit"] == "MiB" else scale(row["median"])

    framework = {"exec": ("none: `exec()`, as its sandbox does not start here", "none"),
                 "hyperlight": (f"{HYPERLIGHT}'s", "memory")}
    wall, limits = framework.get(known.get("Agent Framework", {}).get("wall"), ("", ""))
    empty, native = cell("an empty process: start to end"), cell("python3: start to end")
    lines = [
        ("an empty process", empty, empty, "", "", "", "none", "none", "", ""),
        ("`python3`, one a run", native, native, "", "", cell("python3: memory"), "none", "all of it, any package",
         "the operating system's", ""),
        ("Monty 1.4", cell("Monty: start to first printed result"), cell("Monty: clean session, print(1)"),
         cell("Monty: external call"), "", cell("Monty: memory"), "a Rust interpreter in a subprocess",
         "a subset", "time, memory, allocations, recursion", "in Python"),
        (f"{HYPERLIGHT} 0.8", *of_hyperlight(known, cell), "WebAssembly in a micro-VM", "CPython, its library",
         "memory", "in Python"),
        ("Agent Framework's host", cell("Agent Framework: start to first answer"), "", "",
         cell("Agent Framework: whole request"), cell("Agent Framework: memory"), wall, "CPython", limits, "in Python"),
        ("Cloche", *of_cloche(cell, "microvm", "restore and run print(1), worker process",
                              "call_tool, C tool through a worker process"),
         "WebAssembly in a micro-VM in a jailed process", "CPython 3.13, its library",
         "time, processor time, memory, output, calls", "in C"),
        ("Cloche, by process isolation", *of_cloche(cell, "process", "restore and run print(1), process isolation",
                                                    "call_tool, C tool by process isolation"),
         "WebAssembly in a jailed process", "the same", "the same", "in C"),
    ]
    lines = [line for line in lines if any(line[1:6])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [("", *NAMES[1:]), ("---",) * len(NAMES), *lines]) + "\n"
