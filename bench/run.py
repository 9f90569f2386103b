#!/usr/bin/python3
"""Measure Cloche on this machine: `make bench`.

Everything is timed in one run; ratios are taken side by side, the sides in turn. Peers are taken from PyPI
(beside.py); Monty, the nearest in speed, is measured before and after ours. Writes results.md (a table), results.json and results.svg (a plot) into bench/results/.
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import beside  # noqa: E402
import files  # noqa: E402
import hosts  # noqa: E402
import sessions  # noqa: E402

ROUNDS = 7  # of each CPU-bound script, both sides in turn; the best counts
PROCESSES = 40  # whole-process runs of each side
NATIVE = beside.NATIVE

TARGETS = {
    "creation to first printed result": 1700,
    "restore and run print(1)": 100,
    "call_tool, C tool in process": 50,
    "CPU-bound scripts against python3, geomean": 1.3,
    "whole process against python3 -c": 0.6,
    "process isolation through a worker against Monty's clean session": 1.5,
    "200 runs at once, the last begun": 2000,
}
UNITS = {"us": "µs", "ms": "ms", "MiB": "MiB"}

FOOTER = """
import time as _time
_best = 1e9
for _ in range(3):
    _start = _time.perf_counter()
    main()
    _best = min(_best, _time.perf_counter() - _start)
print(_best * 1000)
"""


def inside(words):
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            row = json.loads(line)
            print(f"  {row['name']}: {row['median']:.1f} {row['unit']} (p99 {row['p99']:.1f})", flush=True)
            yield row
    if process.returncode:
        sys.exit(f"bench: {words[0]} failed")


def measured(build):
    before = beside.measure("monty")
    rows = list(inside([f"{build}/bench/walls", f"{build}/python.image", f"{build}/tests/test_guest"]))
    rows += inside([f"{build}/bench/measure", f"{build}/python.image"])
    rows += inside([f"{build}/bench/many", f"{build}/python.image"])
    return rows + (beside.both(before, beside.measure("monty")) if before else [])


def against_monty(rows):
    """Process isolation through a worker over Monty's clean session; None where there is none."""
    times = {row["name"]: row["median"] for row in rows}
    theirs = times.get("Monty: clean session, print(1)")
    return theirs and times["restore and run print(1), process isolation"] / theirs


def milliseconds(words, code):
    done = subprocess.run(words, input=code, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"bench: {' '.join(words)} failed: {done.stderr}")
    return float(done.stdout)


def scripts(build):
    guest = [f"{build}/cloche", "run", "--time", "120s", "--cpu-time", "120s"]
    sides = [*guest, "-"], [*guest, "--isolation=process", "-"], [NATIVE, "-S", "-"]
    for path in sorted((HERE / "scripts").glob("*.py")):
        code = path.read_text() + FOOTER
        rounds = [[milliseconds(side, code) for side in sides] for _ in range(ROUNDS)]
        ours, process, native = (min(side) for side in zip(*rounds))
        print(f"  {path.stem}: {ours:.1f} ms, by process isolation {process:.1f} ms, python3 {native:.1f} ms, "
              f"ratios {ours / native:.2f} and {process / native:.2f}", flush=True)
        yield {"name": path.stem, "guest_ms": ours, "process_ms": process, "native_ms": native,
               "ratio": ours / native, "process_ratio": process / native}


def wall(words):
    start = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000


def whole_process(build):
    ours = [f"{build}/cloche", "run", "-c", "print(1)"]
    sides = ours, [*ours, "--isolation=process"], [NATIVE, "-c", "print(1)"]
    for words in sides:
        wall(words)
    rounds = [[wall(words) for words in sides] for _ in range(PROCESSES)]
    a, process, b = (statistics.median(side) for side in zip(*rounds))
    ratio = statistics.median(x / y for x, _, y in rounds)
    process_ratio = statistics.median(x / y for _, x, y in rounds)
    print(f"  cloche run -c 'print(1)': {a:.2f} ms, by process isolation {process:.2f} ms, "
          f"python3 -c 'print(1)': {b:.2f} ms, ratios {ratio:.2f} and {process_ratio:.2f}")
    return {"cloche_ms": a, "process_ms": process, "python3_ms": b, "ratio": ratio, "process_ratio": process_ratio}


def verdict(name, value):
    target = TARGETS.get(name)
    return "" if target is None else f"≤ {target:g}: {'met' if value <= target else 'MISSED'}"


def table(rows, cpu, geomean, process):
    lines = ["| what | median | p99 | target |", "|---|---|---|---|"]
    for row in rows:
        unit = UNITS[row["unit"]]
        lines.append(f"| {row['name']} | {row['median']:.1f} {unit} | {row['p99']:.1f} {unit} "
                     f"| {verdict(row['name'], row['median'])} |")
    name = "CPU-bound scripts against python3, geomean"
    lines.append(f"| {name} | {geomean:.2f} × | | {verdict(name, geomean)} |")
    name = "whole process against python3 -c"
    lines.append(f"| `cloche run -c 'print(1)'` {name} | {process['ratio']:.2f} × "
                 f"({process['cloche_ms']:.1f} against {process['python3_ms']:.1f} ms) | | "
                 f"{verdict(name, process['ratio'])} |")
    lines.append(f"| the same by process isolation | {process['process_ratio']:.2f} × ({process['process_ms']:.1f} ms) | | |")
    name, ratio = "process isolation through a worker against Monty's clean session", against_monty(rows)
    if ratio:
        lines.append(f"| {name} | {ratio:.2f} × | | {verdict(name, ratio)} |")
    lines += ["", "| script | in a micro-VM, ms | by process isolation, ms | python3, ms | ratio | ratio, process |",
              "|---|---|---|---|---|---|"]
    lines += [f"| {c['name']} | {c['guest_ms']:.1f} | {c['process_ms']:.1f} | {c['native_ms']:.1f} | {c['ratio']:.2f} "
              f"| {c['process_ratio']:.2f} |" for c in cpu]
    return "\n".join(lines) + "\n"


def plot(rows, cpu, folder):
    (folder / "times.dat").write_text("".join(f'"{r["name"]}" {r["median"]} {r["p99"]}\n' for r in rows if r["unit"] == "us"))
    (folder / "ratios.dat").write_text("".join(f'"{c["name"]}" {c["ratio"]}\n' for c in cpu))
    script = """
set terminal svg size 900,760 background 'white' font 'sans,12'
set output 'results.svg'
set multiplot layout 2,1
set style fill solid 0.8
set boxwidth 0.6
set title 'Times, median with p99 (µs, logarithmic)'
set logscale y
set grid y
unset key
set xtics rotate by -20 font ',9'
set rmargin 12
plot 'times.dat' using 0:2:xtic(1) with boxes lc rgb '#3b6ea5', '' using 0:2:2:3 with yerrorbars lc rgb '#222222' pt 0
unset logscale y
set yrange [0:*]
set title 'CPU-bound scripts: time in the sandbox over time of native python3'
plot 'ratios.dat' using 0:2:xtic(1) with boxes lc rgb '#5a9e6f', 1 lc rgb '#222222'
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True, cwd=folder)
    for name in ("times.dat", "ratios.dat"):
        (folder / name).unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", default=str(HERE / "results"))
    arguments = parser.parse_args()
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)

    print("from the inside:")
    rows = measured(arguments.build)
    print("others, and whole requests:")
    others = beside.processes() + beside.measure("hyperlight")
    others += hosts.measured(arguments.build, beside.python_of("agent_framework"))
    print("\n".join(f"  {row['name']}: {row['median']:.1f} {row['unit']}" for row in others if "median" in row))
    print("whole process:")
    process = whole_process(arguments.build)
    print("mounted files, and /output:")
    mounted = [*files.measured(arguments.build), *files.written(arguments.build)]
    print("states of sessions:")
    states = list(sessions.measured(arguments.build))
    print("CPU-bound scripts:")
    cpu = list(scripts(arguments.build))
    geomean = math.exp(statistics.fmean(math.log(c["ratio"]) for c in cpu))

    text = table(rows, cpu, geomean, process)
    native = subprocess.run([NATIVE, "--version"], capture_output=True, text=True).stdout.strip()
    head = (f"Measured {time.strftime('%Y-%m-%d')} by `make bench` on Linux {platform.release()}, "
            f"native python3 is {native}. Medians; these machines are noisy.\n\n")
    text += "\n" + files.table(mounted) + "\n" + sessions.table(states)
    text += "\nOthers, in the same run. Start: to the first output, of a host to its first answer; whole request: POST to\n"
    text += "answer, with two calls of a model server on this machine and one run of code.\n\n" + beside.table(rows + others)
    (folder / "results.md").write_text(head + text)
    (folder / "results.json").write_text(json.dumps(
        {"inside": rows, "others": others, "whole_process": process, "files": mounted, "sessions": states, "scripts": cpu,
         "geomean": geomean}, indent=1) + "\n")
    plot(rows, cpu, folder)
    print("\n" + text)
    print(f"written: {folder}/results.md, results.json, results.svg")


if __name__ == "__main__":
    main()
