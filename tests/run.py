#!/usr/bin/python3
"""Run the test suites and add up what they count.

Every suite is a function that yields (name, outcome, detail), outcome "passed", "failed" or
"skipped". The last line printed is `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypervisor

ROOT = Path(__file__).resolve().parent.parent
TEST_TIMEOUT = 600  # seconds for one test program; generous, the machines are noisy
NOT_HERE = 77  # exit status of a test program that this machine cannot run; its last line says why
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]


def command(words, timeout=TEST_TIMEOUT, cwd=ROOT, **options):
    """Run and return (exit status, output); a time-out is status 124 and whatever came before."""
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              cwd=cwd, **options)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode("utf-8", "replace")
        return 124, output + f"\nstopped after {timeout} s"


def meson_tests(build):
    listing = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, check=True)
    return json.loads(listing.stdout)


def cmocka_program(test, build, env=None):
    """One test program, case by case from its TAP output."""
    environment = {**os.environ, **test["env"], **(env or {}), "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    status, output = command(test["cmd"], cwd=build, env=environment)
    if status == NOT_HERE:
        yield f"{test['name']}: the whole program", "skipped", output
        return
    bad = False
    for result, name in re.findall(r"^(ok|not ok) \d+ (?:- )?(.*)$", output, re.M):
        if "# SKIP" in name:
            yield f"{test['name']}: {name}", "skipped", output
        else:
            bad |= result != "ok"
            yield f"{test['name']}: {name}", "passed" if result == "ok" else "failed", output
    if status != 0 and not bad:  # it died, a sanitizer spoke up, or it ran no test
        yield f"{test['name']}: exit status {status}", "failed", output


def cmocka_programs(build, env=None):
    """Every test program that Meson knows."""
    tests = meson_tests(build)
    if not tests:
        yield f"{build} has no test programs: was cmocka missing when it was set up?", "failed", ""
    for test in tests:
        yield from cmocka_program(test, build, env)


def clean(build):
    """A thousand runs of hostile Python each way; and with the fallback forced for all of it."""
    test = next(test for test in meson_tests(build) if test["name"] == "clean")
    yield from cmocka_program(test, build, {"CLOCHE_TEST_SHARE": "1000"})
    for name in ("rounds", "restore", "sandbox", "jail"):
        test = next(test for test in meson_tests(build) if test["name"] == name)
        for row in cmocka_program(test, build, {"CLOCHE_SCAN_FALLBACK": "1"}):
            yield f"{row[0]} (CLOCHE_SCAN_FALLBACK)", *row[1:]


def unit_and_vm(build):
    yield from cmocka_programs(build)


class Collector(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.rows = []

    def addSuccess(self, test):
        self.rows.append((test.id(), "passed", ""))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.rows.append((test.id(), "failed", self.failures[-1][1]))

    def addError(self, test, err):
        super().addError(test, err)
        self.rows.append((str(test), "failed", self.errors[-1][1]))

    def addSkip(self, test, reason):
        self.rows.append((test.id(), "skipped", reason))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.rows.append((subtest.id(), "failed", self._exc_info_to_string(err, test)))
        else:
            self.rows.append((subtest.id(), "passed", ""))


def python_tests(build, folder, pattern):
    """The unittest modules of a folder; they find the program through CLOCHE_BUILD."""
    os.environ["CLOCHE_BUILD"] = str(Path(build).resolve())
    for case in unittest.TestLoader().discover(str(ROOT / "tests" / folder), pattern=pattern):
        collector = Collector()
        case.run(collector)
        yield from collector.rows


def cli(build):
    for name in ("run", "image", "scripts", "serve", "install", "clients_table", "structure", "docs"):
        yield from python_tests(build, "cli", name + "_test.py")


def hostile(build):
    yield from python_tests(build, "cli", "hostile_test.py")


def fuzz(build, at_once=2):
    yield from counted("fuzz", ["fuzz/run.sh", build, os.environ.get("TIME", "60"), str(at_once)])


def counted(name, words, timeout=1800):
    """A script that ends with the line `NAME: N passed, N failed, N skipped`. Its lines that begin
    with `NAME: ` are shown as they come."""
    lines, end = [], re.compile(rf"{name}: (\d+) passed, (\d+) failed, (\d+) skipped$")
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True) as script:
        timer = threading.Timer(timeout, os.killpg, [script.pid, signal.SIGKILL])
        timer.start()
        for line in script.stdout:
            lines.append(line.decode("utf-8", "replace").rstrip())
            if lines[-1].startswith(name + ": ") and not end.match(lines[-1]):
                print("   " + lines[-1], flush=True)
        timer.cancel()
    output, counts = "\n".join(lines), [match for match in map(end.match, lines) if match]
    if not counts:
        yield f"{name}: gave no counts, exit status {script.returncode}", "failed", output
        return
    passed, failed, skipped = map(int, counts[-1].groups())
    yield from ((name, "passed", "") for _ in range(passed))
    yield from ((name, "failed", output) for _ in range(failed))
    yield from ((name, "skipped", output) for _ in range(skipped))
    if script.returncode != 0 and not failed:
        yield f"{name}: exit status {script.returncode}", "failed", output


def wasm(build):
    yield from counted("wasm", ["tests/wasm/run.py", "--build", build])


def end_to_end(build):
    yield from counted("e2e", ["tests/e2e/run.sh", build])


def end_to_end_python(build):
    yield from counted("clients", ["tests/e2e/python/run.py", "--build", build])


def cpython(build):
    yield from counted("cpython", ["tests/cpython/run.py", "--build", build])


def hw(build):
    yield from counted("hw", ["tests/hw/run.sh", build])


def faults(build):
    yield from counted("faults", ["tests/faults/run.py", "--build", build], timeout=7200)


def some_faults(build):
    """Every site in the code, but of the paths to them what there is time for among everything else."""
    yield from counted("faults", ["tests/faults/run.py", "--build", build, "--seconds", "32"])


def reproducible(build):
    yield from counted("reproducible", ["tests/image/reproducible.sh", build], timeout=3600)


def reproducible_beside_hw_and_fuzz(build):
    """One processor for the image, the other for what else takes long and uses only one."""
    with ThreadPoolExecutor() as threads:
        others = threads.submit(lambda: [*hw(build), *fuzz(build, at_once=1)])
        yield from reproducible(build)
        yield from others.result()


def other_build(build, name, options, env=None):
    """Configure and build in a folder of its own, then run the C tests there, with a part of the
    rounds that some of them repeat: those look for what is rare, not for what a compiler does."""
    folder = f"{build}-{name}"
    if not (ROOT / folder / "build.ninja").exists():
        status, output = command(["meson", "setup", folder, *options], env={**os.environ, **(env or {})})
        if status:
            yield f"{name}: meson setup", "failed", output
            return
    status, output = command(["ninja", "-C", folder], timeout=1500)
    yield f"{name}: build without warnings", "failed" if status else "passed", output
    if status == 0:
        image = Path(build, "python.image").resolve()
        yield from cmocka_programs(folder, env={"CLOCHE_IMAGE": str(image), "CLOCHE_TEST_SHARE": "25"})


def sanitizers(build):
    options = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "halt_on_error=1"}
    os.environ.update(options)
    yield from other_build(build, "sanitize", SANITIZE)


def clang(build):
    yield from other_build(build, "clang", [], env={"CC": "clang"})


def lint(build):
    for check in ("format", "structure", "tidy", "cppcheck"):
        status, output = command(["tools/lint.sh", build, check], timeout=1800)
        yield f"lint: {check}", "failed" if status else "passed", output


QUICK = [unit_and_vm, cli, end_to_end, end_to_end_python, hostile]
LONG = {"clean": clean, "cpython": cpython, "wasm": wasm, "hw": hw, "sanitizers": sanitizers,
        "clang": clang, "lint": lint, "fuzz": fuzz, "faults": faults, "reproducible": reproducible}
ALL = [*QUICK, clean, cpython, wasm, reproducible_beside_hw_and_fuzz, sanitizers, clang, lint, some_faults]


def run_suite(suite, build, totals):
    start, counts, shown = time.monotonic(), {"passed": 0, "failed": 0, "skipped": 0}, set()
    print(f"== {suite.__name__.replace('_', ' ')}", flush=True)
    for name, outcome, detail in suite(build):
        counts[outcome] += 1
        if outcome == "failed":
            print(f"   FAILED  {name}")
            if detail not in shown:  # one program's output serves all its failures
                print("      " + detail.strip()[-6000:].replace("\n", "\n      "))
                shown.add(detail)
        elif outcome == "skipped" and detail not in shown:
            print(f"   SKIPPED {name}: {detail.strip()[-200:]}")
            shown.add(detail)
        sys.stdout.flush()
    print(f"   {', '.join(f'{n} {what}' for what, n in counts.items())} "
          f"in {time.monotonic() - start:.0f} s", flush=True)
    for what, n in counts.items():
        totals[what] += n


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="of the quick suites those whose name contains this")
    parser.add_argument("what", choices=["quick", "all", "hostile", *LONG], nargs="?", default="quick")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    sets = {"quick": QUICK, "all": ALL, "hostile": [hostile]}
    for suite in sets.get(arguments.what) or [LONG[arguments.what]]:
        if not arguments.only or arguments.only in suite.__name__:
            run_suite(suite, arguments.build, totals)
    if not hypervisor.present():
        print("NO /dev/kvm ON THIS MACHINE: EVERY TEST THAT NEEDS A MICRO-VM WAS SKIPPED")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
