#!/usr/bin/python3
"""Every call of the unit tests that can fail, fails: what that does to the product.

Builds the unit tests with -Dfaults=true, AddressSanitizer and UBSan, and runs them two at a time,
each for at most --seconds. A case counts as passed when no fault made it die, hang, lose memory or
keep a descriptor; findings that expected.txt explains are told, and do not count as failures. The
last line is `faults: N passed, N failed, N skipped`.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPTIONS = ["-Dfaults=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dbuildtype=debug",
           "-Dc_args=-fno-omit-frame-pointer"]
SUMMARY = re.compile(r"^\S+: (\d+) cases, \d+ with findings, (\d+) skipped; (\d+) faults at (\d+) places "
                     r"\((\d+) places left\): (\d+) passed, (\d+) told, (\d+) findings", re.M)
FINDING = re.compile(r"^   FINDING (\w+: \w+).*\n(?:      .*\n)*", re.M)
# LeakSanitizer looks when the runner asks it, not at exits of helpers.
ASAN = "exitcode=86:detect_leaks=1:leak_check_at_exit=0:abort_on_error=0:allocator_may_return_null=1"
UBSAN = "exitcode=86:halt_on_error=1:print_stacktrace=1"


def build(folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, *OPTIONS], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def expected():
    lines = (HERE / "expected.txt").read_text().splitlines()
    return [re.compile(line.split("\t")[0]) for line in lines if line and not line.startswith("#")]


def run(program, environment, seconds):
    try:
        done = subprocess.run([program], env=environment, timeout=seconds + 240, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode("utf-8", "replace") + f"\nstopped {seconds + 240} s after its start\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build", help="the build whose image is used")
    parser.add_argument("--seconds", type=int, default=50, help="for each test program (50)")
    parser.add_argument("names", nargs="*", help="test programs, such as value_test (all)")
    arguments = parser.parse_args()
    folder = ROOT / f"{arguments.build}-faults"
    build(folder)
    environment = {**os.environ, "ASAN_OPTIONS": ASAN, "UBSAN_OPTIONS": UBSAN,
                   "FAULTS_SECONDS": str(arguments.seconds),
                   "CLOCHE_IMAGE": str((ROOT / arguments.build / "python.image").resolve())}
    programs = [path for path in sorted((folder / "tests" / "unit").glob("*_test"))
                if not arguments.names or path.name in arguments.names]
    known = expected()
    total = dict.fromkeys(["passed", "failed", "skipped", "faults", "places", "left", "told", "known"], 0)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = pool.map(lambda path: run(path, environment, arguments.seconds), programs)
        for path, output in zip(programs, outputs):
            found = list(FINDING.finditer(output))
            ours = [match for match in found if not any(pattern.search(match[0]) for pattern in known)]
            for match in ours:
                print(match[0].rstrip())
            total["known"] += len(found) - len(ours)
            summary = SUMMARY.search(output)
            if not summary:
                print(f"faults: {path.name}: no summary\n{output[-2000:]}")
                total["failed"] += 1
                continue
            cases, skipped, faults, places, left, _, told, _ = map(int, summary.groups())
            bad = len({match[1] for match in ours})
            for name, count in {"passed": cases - bad, "failed": bad, "skipped": skipped, "faults": faults,
                                "places": places, "left": left, "told": told}.items():
                total[name] += count
            print(f"faults: {path.name}: {faults} faults, {places - left} of {places} places, "
                  f"{bad} of {cases} cases with findings", flush=True)
    print("faults: {faults} faults, {left} of {places} places left for lack of time; {told} made the test say so; "
          "{known} findings in libraries are expected".format(**total))
    print("faults: {passed} passed, {failed} failed, {skipped} skipped".format(**total))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
