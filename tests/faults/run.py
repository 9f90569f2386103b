#!/usr/bin/python3
"""Every call of the unit tests that can fail, fails: what that does to the product.

Builds the unit tests with -Dfaults=true, AddressSanitizer and UBSan. A program's faults are shared
among some processes, as most of a run is waiting; each takes at most --seconds. A case counts as
passed when no fault made it die, hang, lose memory or keep a descriptor; findings that expected.txt
explains are told, and do not count as failures. The last line is
`faults: N passed, N failed, N skipped`.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPTIONS = ["-Dfaults=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dbuildtype=debug",
           "-Dc_args=-fno-omit-frame-pointer"]
SHARES = 3
NOT_HERE = 77  # exit status of a program that this machine cannot run
SUMMARY = re.compile(r"^\S+: (\d+) cases, \d+ with findings, (\d+) skipped; (\d+) faults: \d+ passed, (\d+) told, "
                     r".*; left: (\d+) of (\d+) sites, (\d+) of (\d+) paths, ", re.M)
FINDING = re.compile(r"^   FINDING (\w+: \w+).*\n(?:      .*\n)*", re.M)
# LeakSanitizer looks when the runner asks it, not at exits of helpers. The sanitizer keeps the signals that
# tell of a wrong pointer: cmocka's handler would make of one a case that merely failed.
ASAN = ("exitcode=86:detect_leaks=1:leak_check_at_exit=0:abort_on_error=0:allocator_may_return_null=1"
        ":handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2")
UBSAN = "exitcode=86:halt_on_error=1:print_stacktrace=1"


def build(folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, *OPTIONS], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def unit_tests(folder):
    listing = subprocess.run(["meson", "introspect", "--tests", folder], capture_output=True, check=True)
    return sorted(Path(test["cmd"][0]) for test in json.loads(listing.stdout)
                  if any(suite.endswith(":unit") for suite in test["suite"]) and test["cmd"][0].endswith("_test"))


def run(program, share, environment, seconds):
    environment = {**environment, "FAULTS_SECONDS": str(seconds), "FAULTS_SHARE": f"{share}/{SHARES}"}
    try:
        done = subprocess.run([program], env=environment, timeout=seconds + 240, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return None if done.returncode == NOT_HERE else done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode("utf-8", "replace") + f"\nstopped {seconds + 240} s after its start\n"


class Report:
    """What the programs said, added up."""

    def __init__(self):
        self.known = [line.split("\t") for line in (HERE / "expected.txt").read_text().splitlines()
                      if line and not line.startswith("#")]
        self.reasons = dict.fromkeys((reason for _, reason in self.known), 0)
        self.total = dict.fromkeys([
            "passed", "failed", "skipped", "faults", "told", "sites_left", "sites", "paths_left", "paths"], 0)

    def is_known(self, finding):
        for pattern, reason in self.known:
            if re.search(pattern, finding):
                self.reasons[reason] += 1
                return True
        return False

    def program(self, name, outputs):
        """Take the outputs of one program's shares; say what came of them."""
        if None in outputs:
            print(f"faults: {name}: IS NOT RUN: WHAT IT NEEDS IS NOT HERE", flush=True)
            self.total["skipped"] += 1
            return
        ours = [match for output in outputs for match in FINDING.finditer(output) if not self.is_known(match[0])]
        for match in ours:
            print(match[0].rstrip())
        summaries = [SUMMARY.search(output) for output in outputs]
        if not all(summaries):
            print(f"faults: {name}: no summary\n" + next(o for o, s in zip(outputs, summaries) if not s)[-2000:])
            self.total["failed"] += 1
            return
        rows = [list(map(int, summary.groups())) for summary in summaries]
        cases, skipped = rows[0][:2]  # each share has them all
        bad = len({match[1] for match in ours})
        sums = dict(zip(["faults", "told", "sites_left", "sites", "paths_left", "paths"],
                        (sum(column) for column in list(zip(*rows))[2:])),
                    passed=cases - bad, failed=bad, skipped=skipped)
        for what, count in sums.items():
            self.total[what] += count
        left = "".join(f", LEFT {sums[what + '_left']} of {sums[what]} {what}"
                       for what in ("sites", "paths") if sums[what + "_left"])
        print(f"faults: {name}: {sums['faults']} faults, {bad} of {cases} cases with findings{left}", flush=True)

    def end(self):
        if not self.total["faults"]:
            print("faults: NOTHING FAILED: the calls of the product are not reached")
            self.total["failed"] += 1
        for reason, count in self.reasons.items():
            print(f"faults: {count} findings are expected: {reason}")
        print("faults: {faults} faults, {told} of them made the test say so; left for lack of time: {sites_left} "
              "of {sites} sites, {paths_left} of {paths} further paths to them".format(**self.total))
        print("faults: {passed} passed, {failed} failed, {skipped} skipped".format(**self.total))
        return 1 if self.total["failed"] or not self.total["passed"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build whose image is used")
    parser.add_argument("--seconds", type=int, default=3600,
                        help="at most, for each share of a test program (3600)")
    parser.add_argument("names", nargs="*", help="test programs, such as value_test (all)")
    arguments = parser.parse_args()
    folder = ROOT / f"{arguments.build}-faults"
    build(folder)
    environment = {**os.environ, "ASAN_OPTIONS": ASAN, "UBSAN_OPTIONS": UBSAN,
                   "CLOCHE_IMAGE": str((ROOT / arguments.build / "python.image").resolve())}
    programs = [path for path in unit_tests(folder) if not arguments.names or path.name in arguments.names]
    report = Report()
    with concurrent.futures.ThreadPoolExecutor(SHARES * os.cpu_count()) as pool:
        running = [(path, [pool.submit(run, path, share, environment, arguments.seconds) for share in range(SHARES)])
                   for path in programs]
        for path, shares in running:
            report.program(path.name, [share.result() for share in shares])
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
