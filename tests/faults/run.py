#!/usr/bin/python3
"""Every call of the unit tests that can fail, fails: what that does to the product.

Builds the unit tests with -Dfaults=true, AddressSanitizer and UBSan, and tests of guests by process isolation
with LeakSanitizer and UBSan (AddressSanitizer's own memory lies where a guest's has to be). A program has some runs at once,
as most of a run is waiting, for at most --seconds. What it has visited is kept (visited.py), and the
next run of the same program goes on with what is left; each finding is made again. A case counts as
passed when no fault, of this run or of an earlier one, made it die, hang, lose memory or keep a
descriptor; findings that expected.txt explains are told, and do not count as failures. The last line
is `faults: N passed, N failed, N skipped`.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import visited

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPTIONS = ["-Dfaults=true", "-Db_lundef=false", "-Dbuildtype=debug"]
# The build's id depends on its folder, and the program of the workers lies within each test.
UNIT = [*OPTIONS, "-Db_sanitize=address,undefined", "-Dc_args=-fno-omit-frame-pointer",
        "-Dc_link_args=-Wl,--build-id=none"]
GUESTS = [*OPTIONS, "-Db_sanitize=undefined", "-Dc_args=-fno-omit-frame-pointer -fsanitize=leak",
          "-Dc_link_args=-Wl,--build-id=none -fsanitize=leak"]
GUEST_TESTS = ("vm_process_test", "vm_run_test", "vm_restore_test")
PROCESS = {"CLOCHE_TEST_ISOLATION": "process"}
AT_ONCE = 3  # runs of one program
WHOLE = 3600  # seconds: also further calls on paths that were visited
NOT_HERE = 77  # exit status of a program that this machine cannot run
SUMMARY = re.compile(r"^\S+: (\d+) cases, \d+ with findings, (\d+) skipped; (\d+) faults: \d+ passed, (\d+) told, "
                     r"\d+ findings, (\d+) not reached; before: (\d+) sites, (\d+) paths, (\d+) calls; "
                     r"left: (\d+) of \d+ findings, (\d+) of (\d+) sites, (\d+) of (\d+) paths, ", re.M)
COLUMNS = ["cases", "skipped", "faults", "told", "unreached", "sites_before", "paths_before", "calls_before",
           "findings_left", "sites_left", "sites", "paths_left", "paths"]
FINDING = re.compile(r"^   FINDING (\w+: \w+).*\n(?:      .*\n)*", re.M)
# LeakSanitizer looks when the runner asks it, not at exits of helpers. The sanitizer keeps the signals that
# tell of a wrong pointer: cmocka's handler would make of one a case that merely failed.
ASAN = ("exitcode=86:detect_leaks=1:leak_check_at_exit=0:abort_on_error=0:allocator_may_return_null=1"
        ":handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2")
LSAN = "exitcode=86:leak_check_at_exit=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0"
UBSAN = "exitcode=86:halt_on_error=1:print_stacktrace=1"


def build(folder, options, targets=()):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, *targets], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def unit_tests(folder):
    listing = subprocess.run(["meson", "introspect", "--tests", folder], capture_output=True, check=True)
    return sorted(Path(test["cmd"][0]) for test in json.loads(listing.stdout)
                  if any(suite.endswith(":unit") for suite in test["suite"]) and test["cmd"][0].endswith("_test"))


class Programs:
    """Test programs of one build, how they are started, and the keys of what they visited."""

    def __init__(self, paths, words, environment, keys):
        self.paths, self.words, self.environment, self.keys = paths, words, environment, keys


def unit_programs(folder, image):
    build(folder, UNIT)
    environment = {"ASAN_OPTIONS": ASAN, "UBSAN_OPTIONS": UBSAN, "CLOCHE_IMAGE": str(image)}
    return Programs(unit_tests(folder), [], environment, key_maker(folder, image, [ASAN, UBSAN]))


def guest_programs(folder, image):
    guest = folder / "tests" / "test_guest"
    build(folder, GUESTS, ["tests/test_guest", *(f"tests/{name}" for name in GUEST_TESTS)])
    environment = {"LSAN_OPTIONS": LSAN, "UBSAN_OPTIONS": UBSAN, **PROCESS}
    return Programs([folder / "tests" / name for name in GUEST_TESTS], [guest], environment,
                    key_maker(folder, guest, [LSAN, UBSAN]))


def key_maker(folder, image, words):
    """Of the programs in a build: they run with the same libraries beside them, image and harness."""
    files = [HERE / name for name in ("run.py", "visited.py", "expected.txt")]
    return visited.Keys(files + [image] * image.exists(), sorted(folder.glob("tests/*.so")), words)


def visited_file(store, keys, program):
    """None where nothing can be kept: everything is visited then."""
    try:
        return store.open(program.name, keys.of(program))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"faults: {program.name}: what is visited is not kept: {error}", flush=True)
        return None


def run(program, programs, seconds, file):
    environment = {**os.environ, **programs.environment, "FAULTS_SECONDS": str(seconds), "FAULTS_JOBS": str(AT_ONCE)}
    if file:
        environment["FAULTS_VISITED"] = str(file)
    if seconds >= WHOLE:
        environment["FAULTS_REST"] = "1"
    try:
        done = subprocess.run([program, *programs.words], env=environment, timeout=seconds + 240, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return None if done.returncode == NOT_HERE else done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode("utf-8", "replace") + f"\nstopped {seconds + 240} s after its start\n"


def check_harness(program, programs):
    """The program's fault is found by a first run and by the next, which has nothing else left. What is
    wrong, or None."""
    with tempfile.TemporaryDirectory() as folder:
        file = visited_file(visited.Store(folder), programs.keys, program)
        outputs = [run(program, programs, 10, file) or "" for _ in range(2)]
    found = [sorted(FINDING.findall(output)) for output in outputs]
    first, second = (SUMMARY.search(output) for output in outputs)
    if not first or not second:
        return "no summary:\n" + outputs[-1][-2000:]
    first, second = (dict(zip(COLUMNS, map(int, match.groups()))) for match in (first, second))
    before = second["sites_before"] + second["paths_before"] + second["calls_before"]
    if not found[0] or found[0] != found[1]:
        return f"the planted fault is not found in both runs: {found}"
    if not before or second["faults"] != len(found[1]) or before + len(found[1]) < first["faults"]:
        return f"the second run does not go on from the first: {first}, then {second}"
    return None


def how_far(sums):
    """What a program had visited, what it visits now, what is left."""
    words = [f"{sums['faults']} faults, {sums['failed']} of {sums['cases']} cases with findings"]
    if sums["sites_before"] + sums["paths_before"]:
        words.append("before: {sites_before} sites, {paths_before} paths".format(**sums))
    if sums["unreached"]:
        words.append(f"{sums['unreached']} not reached")
    left = ["{} of {} {}".format(sums[what + "_left"], sums[what], what)
            for what in ("sites", "paths") if sums[what + "_left"]]
    if sums["findings_left"]:
        left.insert(0, f"{sums['findings_left']} earlier findings")
    words.append("LEFT " + ", ".join(left) if left else "nothing left")
    return "; ".join(words)


class Report:
    """What the programs said, added up."""

    def __init__(self):
        self.known = [line.split("\t") for line in (HERE / "expected.txt").read_text().splitlines()
                      if line and not line.startswith("#")]
        self.reasons = dict.fromkeys((reason for _, reason in self.known), 0)
        self.total = dict.fromkeys(["passed", "failed", *COLUMNS], 0)

    def is_known(self, finding):
        for pattern, reason in self.known:
            if re.search(pattern, finding):
                self.reasons[reason] += 1
                return True
        return False

    def harness(self, wrong):
        """Take what is wrong with the harness itself, or None."""
        if wrong:
            print(f"faults: the harness itself: {wrong}", flush=True)
        self.total["failed" if wrong else "passed"] += 1

    def program(self, name, output):
        """Take the output of one program; say what came of it."""
        if output is None:
            print(f"faults: {name}: IS NOT RUN: WHAT IT NEEDS IS NOT HERE", flush=True)
            self.total["skipped"] += 1
            return
        ours = [match for match in FINDING.finditer(output) if not self.is_known(match[0])]
        for match in ours:
            print(match[0].rstrip())
        summary = SUMMARY.search(output)
        if not summary:
            print(f"faults: {name}: no summary\n" + output[-2000:])
            self.total["failed"] += 1
            return
        sums = dict(zip(COLUMNS, map(int, summary.groups())))
        sums["failed"] = len({match[1] for match in ours})
        sums["passed"] = sums["cases"] - sums["failed"]
        for what, count in sums.items():
            self.total[what] += count
        print(f"faults: {name}: {how_far(sums)}", flush=True)

    def end(self):
        if not self.total["faults"] + self.total["sites_before"]:
            print("faults: NOTHING FAILED: the calls of the product are not reached")
            self.total["failed"] += 1
        for reason, count in self.reasons.items():
            print(f"faults: {count} findings are expected: {reason}")
        print("faults: {faults} faults, {told} of them made the test say so; earlier runs had visited {sites_before} "
              "sites and {paths_before} further paths to them".format(**self.total))
        print("faults: left for lack of time: {sites_left} of {sites} sites, {paths_left} of {paths} further paths"
              .format(**self.total))
        print("faults: {passed} passed, {failed} failed, {skipped} skipped".format(**self.total))
        return 1 if self.total["failed"] or not self.total["passed"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build whose image is used")
    parser.add_argument("--seconds", type=int, default=WHOLE, help=f"at most, for each test program ({WHOLE})")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs of these programs visited")
    parser.add_argument("names", nargs="*", help="test programs, such as value_test (all)")
    arguments = parser.parse_args()
    folder = ROOT / f"{arguments.build}-faults"
    image = (ROOT / arguments.build / "python.image").resolve()
    units, guests = unit_programs(folder, image), guest_programs(Path(f"{folder}-process"), image)
    chosen = [(programs, path) for programs in (units, guests) for path in programs.paths
              if not arguments.names or path.name in arguments.names]
    store, report = visited.Store(visited.default_folder()), Report()
    store.clean_up()
    report.harness(check_harness(folder / "tests" / "faults" / "planted_test", units))

    def run_program(one):
        programs, path = one
        if arguments.fresh:
            store.forget(path.name)
        return run(path, programs, arguments.seconds, visited_file(store, programs.keys, path))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (_, path), output in zip(chosen, pool.map(run_program, chosen)):
            report.program(path.name, output)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
