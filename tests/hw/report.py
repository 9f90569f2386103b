#!/usr/bin/python3
"""Run the emulated machine, read its serial line, count the cases, say what failed and why.

Every program inside speaks TAP between `@hw begin NAME` and `@hw end NAME STATUS UPTIME`. A program
that never ended, died, or ran fewer cases than it planned is a failure; so is a machine that did
not come to `@hw done`. A case that cannot hold here counts as skipped, and is listed with the
reason: it prints a line that begins with `SKIP: ` and returns, or it fails and timing.txt names
it. What the kernel complains of is a failure. Exit status 0 only if something passed and nothing
failed.
"""

import argparse
import fnmatch
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

KILLED = 137  # exit status of a program that init's time limit stopped


def is_skip(line):
    return line.startswith("SKIP: ")


def read_timing():
    """(program, pattern of the case, reason) from timing.txt."""
    lines = (Path(__file__).parent / "timing.txt").read_text().splitlines()
    return [line.split(None, 2) for line in lines if line and not line.startswith("#")]


def too_slow(program, case, timing=read_timing()):
    """Why the times of this case cannot be kept here, or None."""
    for name, pattern, reason in timing:
        here = pattern != "*" and program.partition("-")[2] == name
        if here and fnmatch.fnmatchcase(case, pattern):
            return reason
    return None


class Program:
    def __init__(self, name):
        self.name, self.lines, self.status, self.uptime = name, [], None, 0.0

    def cases(self):
        """(outcome, case, why): `why` is what the case printed, then TAP's `# ...` lines."""
        plan, results, printed = None, [], []
        for line in self.lines:
            if match := re.match(r"(ok|not ok) \d+ ?(?:- )?(.*)", line):
                word, case = match.groups()
                skipped = re.search(r"# SKIP ?(.*)", case)
                outcome = "passed" if word == "ok" else "failed"
                if skipped or (word == "ok" and any(map(is_skip, printed))):
                    outcome = "skipped"
                elif word != "ok" and (reason := too_slow(self.name, case)):
                    outcome, printed = "skipped", [f"SKIP: it failed; {reason}"]
                results.append((outcome, (skipped[1] if skipped else case) or "?", printed))
                printed = []
            elif match := re.match(r"1\.\.(\d+)", line):
                plan = int(match[1])
            elif line.startswith("#") and results:
                results[-1][2].append(line)
            elif line.strip():
                printed.append(line)
        yield from results
        if trouble := self.trouble(plan, results):
            yield "failed", trouble, self.lines[-40:]

    def trouble(self, plan, results):
        """What is wrong with the program as a whole, beyond the failures of its cases."""
        if self.status is None:
            return "did not come to its end"
        if self.status == KILLED:
            return "was killed: it took too long, or memory ran out"
        if not results:
            return f"ran no case, exit status {self.status}"
        if plan is not None and plan != len(results):
            return f"ran {len(results)} cases of {plan}, exit status {self.status}"
        # a failing status is explained by any case that was not ok, one of timing.txt included
        if self.status != 0 and not any(line.startswith("not ok ") for line in self.lines):
            return f"exit status {self.status}"
        return None


class Report:
    def __init__(self, names):
        self.programs = {name: Program(name) for name in names}
        self.totals = {"passed": 0, "failed": 0, "skipped": 0}
        self.current, self.done, self.before, self.stray = None, False, 0.0, []

    def line(self, line):
        match = re.match(r"@hw (\w+) ?(.*)", line)
        if not match:
            (self.current.lines if self.current else self.stray).append(line)
            return
        word, rest = match.groups()
        if word == "up":
            self.before = float(rest)
            print(f"   up after {self.before:.1f} s", flush=True)
        elif word == "begin":
            self.current = self.programs.setdefault(rest, Program(rest))
        elif word == "end" and self.current:
            _, status, uptime = rest.split()
            self.current.status, self.current.uptime = int(status), float(uptime)
            self.show(self.current)
            self.current = None
        elif word == "kernel":
            self.totals["failed"] += 1
            print(f"   FAILED  the kernel said: {rest}")
        elif word == "done":
            self.done = True

    def show_left_out(self):
        for name, pattern, reason in read_timing():
            if pattern == "*":
                self.totals["skipped"] += 1
                print(f"   SKIPPED {name}, the whole program: {reason}", flush=True)

    def show(self, program):
        cases = list(program.cases())
        counts = {what: sum(outcome == what for outcome, _, _ in cases) for what in self.totals}
        seconds = max(program.uptime - self.before, 0)
        self.before = max(program.uptime, self.before)
        print(f"   {program.name}: {', '.join(f'{n} {what}' for what, n in counts.items() if n)} "
              f"in {seconds:.1f} s")
        for outcome, case, why in cases:
            self.totals[outcome] += 1
            if outcome == "failed":
                print(f"   FAILED  {program.name}: {case}")
                print("".join(f"      {line}\n" for line in why[-60:]), end="")
            elif outcome == "skipped":
                reason = " ".join(filter(is_skip, why)) or " ".join(why) or "it gave no reason"
                reason = reason.removeprefix("SKIP: ")
                print(f"   SKIPPED {program.name}: {case}: {reason[:300]}")
        sys.stdout.flush()

    def finish(self, end):
        for program in self.programs.values():
            if program.status is None:
                self.show(program)
        if not self.done:
            self.totals["failed"] += 1
            print(f"   FAILED  the machine did not finish: {end}")
            if not self.current:  # else its lines have been shown
                print("".join(f"      {line}\n" for line in self.stray[-30:]), end="")
        print("hw: " + ", ".join(f"{n} {what}" for what, n in self.totals.items()))
        return 1 if self.totals["failed"] or not self.totals["passed"] else 0


def run_machine(words, seconds, log, take):
    """Give every line to `take`, and with its time to the log; returns how the machine ended."""
    start = time.monotonic()
    machine = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    late = threading.Event()

    def stop():
        late.set()
        machine.kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        for raw in machine.stdout:
            log.write(b"%7.2f %s" % (time.monotonic() - start, raw))
            log.flush()
            take(raw.decode("utf-8", "replace").rstrip("\r\n"))
        status = machine.wait()
    finally:
        timer.cancel()
        machine.kill()
    return f"stopped after {seconds} s" if late.is_set() else f"QEMU ended with status {status}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--programs", type=Path, required=True, help="names of what has to report")
    parser.add_argument("words", nargs="+", help="the command that starts the machine")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of run_machine's clean-up
    report, start = Report(arguments.programs.read_text().split()), time.monotonic()
    report.show_left_out()
    with open(arguments.log, "wb") as log:
        end = run_machine(arguments.words, arguments.seconds, log, report.line)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"   {time.monotonic() - start:.0f} s in all, {used.ru_utime + used.ru_stime:.0f} s of "
          f"processor time; the serial log is {arguments.log}")
    return report.finish(end)


if __name__ == "__main__":
    sys.exit(main())
