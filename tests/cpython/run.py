#!/usr/bin/python3
"""Run CPython's own tests in the guest and compare with expected.txt.

  run.py [--build BUILD] [--jobs 2] [NAME...]      all of files.txt, or the named test files

Each test file is one `cloche run` of guest.py. A case that crashes or hangs the guest fails, and
the file goes on without it. Prints what is not as expected and, last, the counts; exit status 1
when a case failed that expected.txt does not name.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
import hypervisor  # noqa: E402

LIMITS = ["--time", "600s", "--cpu-time", "120s", "--memory", "512MiB", "--output-limit", "64MiB"]
TIMEOUT = 700  # seconds for a process whose guest may use 120 of processor time
ATTEMPTS = 12  # how often a file goes on behind a case that ended the run
EXPECTED_SHARE = 0.02  # of the cases that may be expected to fail
LONGEST = ("test_zipimport", "test_asyncio.test_tasks", "test_asyncio.test_taskgroups",
           "test_pickle", "test_asyncio.test_eager_task_factory", "test_tarfile", "test_zipfile")
PROGRESS = 30  # files between two lines that say how far it is


def file_names():
    words = re.sub(r"#.*", "", (HERE / "files.txt").read_text()).split()
    if len(words) != len(set(words)):
        sys.exit("files.txt names a file twice")
    return sorted(words, key=lambda name: name not in LONGEST)  # they go first


def expectations():
    """({case: reason}, [pattern of cases that are not run]). A reason stands above its cases,
    after "## "; where it ends in "(not run)" they may be patterns: they hang or crash the guest.
    """
    expected, left_out, reason = {}, [], None
    for line in (HERE / "expected.txt").read_text().splitlines():
        if line.startswith("## "):
            reason = line[3:]
        elif line.strip() and not line.startswith("#"):
            if reason is None:
                sys.exit(f"expected.txt gives no reason for {line}")
            if reason.endswith("(not run)"):
                left_out.append(line.strip())
            else:
                expected[line.strip()] = reason
    return expected, left_out


def attempt(build, folder, name, left_out, done):
    """One run of the guest: ([(outcome, case, detail)], how the run itself ended)."""
    with tempfile.TemporaryDirectory() as scratch:
        script, report = Path(scratch, f"{name}.py"), Path(scratch, "report")
        left_out = [pattern for pattern in left_out if pattern.startswith(f"test.{name}.")]
        script.write_text(f"TEST = {name!r}\nLEFT_OUT = {left_out!r}\nDONE = {sorted(done)!r}\n"
                          + (HERE / "guest.py").read_text())
        words = [f"{build}/cloche", "run", "--json", *LIMITS, "--tools",
                 f"{build}/tests/cpython_files.so", str(script)]
        environment = {**os.environ, "CLOCHE_TEST_FOLDER": folder,
                       "CLOCHE_TEST_REPORT": str(report)}
        try:
            end = subprocess.run(words, capture_output=True, timeout=TIMEOUT, env=environment)
            how = end.stdout.decode("utf-8", "replace") + end.stderr.decode("utf-8", "replace")
            try:
                error = json.loads(end.stdout)["error"]
                how = error and f"{error['type']}: {error['message']}\n{error['traceback'] or ''}"
            except ValueError:
                how = f"exit status {end.returncode}: {how}"
        except subprocess.TimeoutExpired:
            how = f"no end within {TIMEOUT} s"
        lines = report.read_text().splitlines() if report.exists() else []
        return [json.loads(line) for line in lines], how


def run_file(build, folder, name, left_out):
    """{case: (outcome, detail)} of one test file."""
    cases, start = {}, time.monotonic()
    for _ in range(ATTEMPTS):
        lines, how = attempt(build, folder, name, left_out, cases)
        running = None
        for outcome, case, detail in lines:
            if outcome == "end":
                return name, cases, time.monotonic() - start
            running = case if outcome == "started" else None
            if outcome != "started":
                cases[case] = (outcome, detail)
        if running is None:  # before the first case or between two: nothing to go on behind
            cases[f"test.{name}"] = ("failed", f"the run ended: {how}")
            break
        cases[running] = ("failed", f"the run ended in this case: {how}")
    return name, cases, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", help="write all outcomes to this file as JSON")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    names = [name for name in file_names() if not arguments.names
             or any(fnmatch.fnmatch(name, wanted) for wanted in arguments.names)]
    if not hypervisor.PROCESS and not hypervisor.present():
        print(f"cpython: {hypervisor.MISSING}: NONE OF THE {len(names)} FILES OF TESTS IS RUN")
        print(f"cpython: 0 passed, 0 failed, {len(names)} skipped")
        return 0
    build = str(Path(arguments.build).resolve())
    (expected, left_out), met = expectations(), set()
    folder = subprocess.run([HERE / "unpack.sh"], stdout=subprocess.PIPE, text=True)
    if folder.returncode:
        return 1
    folder = folder.stdout.strip()

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    foreseen, ran, everything, start = 0, 0, {}, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(run_file, build, folder, name, left_out) for name in names]
        for job in concurrent.futures.as_completed(jobs):
            name, cases, seconds = job.result()
            everything[name] = {"seconds": round(seconds, 2), "cases": cases}
            ran += any(outcome in ("passed", "failed") for outcome, _ in cases.values())
            line = {"passed": 0, "failed": 0, "skipped": 0, "not run": 0}
            for case, (outcome, detail) in cases.items():
                line[outcome] += 1
                if outcome == "not run":
                    foreseen += 1
                    continue
                if case in expected:
                    met.add(case)
                    if outcome == "failed":
                        foreseen += 1
                        continue
                    print(f"   EXPECTED TO FAIL, BUT {outcome}: {case}")
                elif outcome == "failed":
                    print(f"   FAILED  {case}\n      " + detail.strip().replace("\n", "\n      "))
                counts[outcome] += 1
            print(f"{name}: " + ", ".join(f"{n} {what}" for what, n in line.items() if n)
                  + f" in {seconds:.1f} s", flush=True)
            if len(everything) % PROGRESS == 0:
                print(f"cpython: {len(everything)} of {len(names)} files, {sum(counts.values())} "
                      f"cases in {time.monotonic() - start:.0f} s", flush=True)
    if not arguments.names:
        for case in sorted(expected.keys() - met):
            print(f"   IN expected.txt, BUT NO CASE: {case}")
    if arguments.write:
        Path(arguments.write).write_text(json.dumps(everything, indent=1))
    total = sum(counts.values()) + foreseen
    share = foreseen / max(1, total - counts["skipped"])
    print(f"{ran} files with cases that ran, {time.monotonic() - start:.0f} s; "
          f"{foreseen} expected failures, {share:.2%} of the cases that ran")
    if share > EXPECTED_SHARE and not arguments.names:
        print(f"   FAILED  more than {EXPECTED_SHARE:.0%} of the cases are expected to fail")
        counts["failed"] += 1
    print(f"cpython: {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
