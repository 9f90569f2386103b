#!/usr/bin/python3
"""Run the test suites and add up what they count: `run.py [--build BUILD] [quick|all|SUITE]`.

A part of a suite that has passed on this machine with exactly the same inputs (runner/inputs.py) within
the last 14 days is not played again; its cases are counted as they were. --fresh plays everything;
fuzzing and faults are always played. --plan only says what would be played, and why.

The last line printed is `N passed, N failed, N skipped`.
"""

import argparse
import os
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import hypervisor
from runner.graph import Doubt
from runner.inputs import ROOT, Inputs
from runner.passes import Pass, Passes, cache_folder
from runner.progress import Durations, Progress, minutes
from runner.schedule import Schedule
from runner.suites import Suites

NAMED = 3  # changed inputs that are named as the reason


def date(seconds):
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


@dataclass
class Plan:
    """What is to be played, what is not, and why."""

    manifests: dict = field(default_factory=dict)  # of parts that can be told apart by their inputs
    cached: dict = field(default_factory=dict)  # {part: its Pass}
    why: dict = field(default_factory=dict)  # {part that is played: the reason}


def reason(changes):
    if changes is None:
        return "it has not passed here yet"
    if not changes:
        return "its pass is too old"
    more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
    return f"changed: {', '.join(changes[:NAMED])}{more}"


def make_plan(parts, inputs, passes, fresh):
    plan = Plan()
    for part in parts:
        if part.inputs is None:
            plan.why[part] = "never cached"
            continue
        try:
            manifest = plan.manifests[part] = inputs.manifest(**part.inputs)
        except Doubt as doubt:
            plan.why[part] = f"in doubt: {doubt}"
            continue
        found = None if fresh else passes.find(part.title, manifest)
        if found:
            plan.cached[part] = found
        else:
            plan.why[part] = "fresh" if fresh else reason(passes.changes(part.title, manifest))
    for part in list(plan.why):  # what is played needs what it stands on
        if part.after in plan.cached:
            del plan.cached[part.after]
            plan.why[part.after] = f"{part.name} needs it"
    return plan


class Report:
    """Adds up, and prints a suite when its last part has ended."""

    def __init__(self, parts, plan, inputs, passes):
        self.plan, self.inputs, self.passes = plan, inputs, passes
        self.open = Counter(part.suite for part in parts)
        self.counts, self.cached = {suite: Counter() for suite in self.open}, Counter()
        self.start, self.shown, self.when = {}, set(), []  # start: {suite: when its first part began}
        self.say = print

    def _tell(self, what, name, detail, length):
        self.say(f"   {what}  {name}" + (f": {detail.strip()[-length:]}" if length == 200 else ""))
        if length > 200 and detail not in self.shown:  # one program's output serves all its failures
            self.say("      " + detail.strip()[-length:].replace("\n", "\n      "))
        self.shown.add(detail)

    def played(self, part, rows, seconds):
        counts = Counter(outcome for _, outcome, _ in rows)
        for name, outcome, detail in rows:
            if outcome == "failed":
                self._tell("FAILED ", name, detail, 6000)
            elif outcome == "skipped" and detail not in self.shown:
                self._tell("SKIPPED", name, detail, 200)
        manifest = self.plan.manifests.get(part)
        if manifest and rows and not counts["failed"] and manifest == self._again(part):
            skipped = [(name, detail[-200:]) for name, outcome, detail in rows if outcome == "skipped"]
            self.passes.add(part.title, Pass(counts["passed"], skipped, time.time(), seconds, manifest))
        begun = time.monotonic() - seconds
        self.start[part.suite] = min(begun, self.start.get(part.suite, begun))
        self._count(part, counts)

    def _again(self, part):
        """The inputs after it was played: what changed meanwhile has not been tested."""
        try:
            return self.inputs.again().manifest(**part.inputs)
        except Doubt:
            return None

    def take(self, part, found):
        """Count a part that passed before."""
        for name, why in found.skipped:
            if why not in self.shown:
                self._tell("SKIPPED", name, why, 200)
        counts = Counter(passed=found.passed, skipped=len(found.skipped))
        self.cached[part.suite] += found.passed + len(found.skipped)
        self.when.append(found.ended)
        self._count(part, counts)

    def _count(self, part, counts):
        self.counts[part.suite] += counts
        self.open[part.suite] -= 1
        if self.open[part.suite] == 0:
            counts, cached = self.counts[part.suite], self.cached[part.suite]
            text = ", ".join(f"{counts[what]} {what}" for what in ("passed", "failed", "skipped"))
            seconds = time.monotonic() - self.start.get(part.suite, time.monotonic())
            self.say(f"== {part.suite}: {text}" + (f" ({cached} of them cached)" if cached else "") +
                     (f" in {seconds:.0f} s" if part.suite in self.start else ""))

    def end(self):
        """The last lines; the exit status."""
        total = sum(self.counts.values(), Counter())
        if not hypervisor.present():
            print("NO /dev/kvm ON THIS MACHINE: EVERY TEST THAT NEEDS A MICRO-VM WAS SKIPPED, THE OTHERS WERE "
                  "PLAYED BY PROCESS ISOLATION")
        if self.when:
            print(f"{self.cached.total()} of these are cached: they passed here with the same inputs between "
                  f"{date(min(self.when))} and {date(max(self.when))} (FRESH=1 runs all)")
        print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
        return 1 if total["failed"] or not total["passed"] else 0


def choose(suites, what, only):
    names = {"quick": Suites.QUICK, "all": Suites.ALL}.get(what, (what,))
    return [part for name in names for part in getattr(suites, name)() if not only or only in part.title]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="of the chosen suites the parts whose name contains this")
    parser.add_argument("--fresh", action="store_true", default=os.environ.get("FRESH", "") not in ("", "0"),
                        help="play also what has passed with the same inputs (or FRESH=1)")
    parser.add_argument("--plan", action="store_true", help="say what would be played, and why")
    parser.add_argument("what", choices=["quick", "all", *Suites.ALL], nargs="?", default="quick")
    return parser.parse_args()


def main():
    start, chosen = time.monotonic(), arguments()
    os.chdir(ROOT)
    if not hypervisor.present():
        os.environ.setdefault("CLOCHE_ISOLATION", "process")  # the command line's tests need some wall
    suites = Suites(chosen.build, os.environ.get("TIME", "60"), "32" if chosen.what == "all" else None)
    parts = choose(suites, chosen.what, chosen.only)
    inputs, passes = Inputs(chosen.build), Passes()
    plan = make_plan(parts, inputs, passes, chosen.fresh)
    if chosen.plan:
        for part in parts:
            found = plan.cached.get(part)
            print(f"{part.title}: " + (f"cached, passed {date(found.ended)}" if found else plan.why[part]))
        return 0
    durations = Durations(cache_folder() / "durations.json")
    durations.of(parts)
    report = Report(parts, plan, inputs, passes)
    progress = Progress(plan.why, durations)
    report.say = progress.show
    if plan.why:
        known = "last time on this machine" if durations.measured(plan.why) else "typically"
        print(f"{len(plan.why)} of {len(parts)} parts are played, which takes about {minutes(progress.whole())} "
              f"{known}; {len(plan.cached)} are cached", flush=True)
    for part, found in plan.cached.items():
        report.take(part, found)

    def ended(part, rows, seconds):
        progress.ended(part, seconds)
        report.played(part, rows, seconds)
    with progress:
        Schedule(plan.why, durations.expected, progress.started, ended).run()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"took {minutes(time.monotonic() - start)} and {used.ru_utime + used.ru_stime:.0f} s of processor time")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
