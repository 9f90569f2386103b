#!/usr/bin/python3
"""Do the steps of the image's build, side by side where none waits for the other, and say how far it is.

  steps.py ELF [PROGRAM JOBS]    make ELF; with PROGRAM, a build folder of Meson's, also the program and
                                 then the image (tools/image.sh --finish)
  steps.py --train OUT.xz        make the profile that the other uses

At the start it says what there is to do and how long that took last time on this machine, or what to
expect; while it runs, in place on a terminal and else in a line every 20 s, what it is at, the share
done and the time left. A step's output goes to a log, shown only when the step fails; lines that begin
with "image-note:", "image-warning:" and "image-total:" speak to this program (common.sh).
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche") / "work"
DURATIONS = WORK / "durations.json"
LINE_EVERY = 20  # seconds
NOT_THERE = 3  # exit status of a script that is asked whether its result is there
TRUST_SPEED_AFTER = 60  # seconds; before that a machine's speed is not known from how it went


class Step:
    """One command. seconds: what it takes on a machine with two cores when all is built anew."""

    def __init__(self, name, seconds, label, after, command, check=False):
        self.name, self.seconds, self.label = name, seconds, label
        self.after, self.command, self.check = after, command, check
        self.process = self.began = self.took = self.processor = self.counted = None
        self.said, self.words, self.looked = {}, set(), 0

    def log(self):
        return WORK / "logs" / f"{self.name}.log"

    def running(self):
        return self.process is not None and self.took is None

    def remaining(self, now):
        """Seconds: by its count, if it has one that says more than the plan."""
        if self.took is not None:
            return 0
        if self.began is None:
            return self.seconds
        if self.counted and self.counted.done > self.counted.first:
            rate = (now - self.counted.since) / (self.counted.done - self.counted.first)
            return max(rate * (self.counted.total - self.counted.done), 1)
        return max(self.seconds - (now - self.began), 1)

    def look(self, now):
        """Read what the log has got since the last look."""
        try:
            with open(self.log(), "rb") as log:
                log.seek(self.looked)
                text, mark, _ = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self.looked += len(text) + len(mark)
        done, total = (self.counted.done, self.counted.total) if self.counted else (0, 0)
        for line in text.decode(errors="replace").splitlines():
            if match := re.match(r"image-(note|warning): (.*)", line):
                self.said.setdefault(match.group(1), []).append(match.group(2))
            elif match := re.match(r"image-total: (\d+) (.*)", line):
                total += int(match.group(1))
                self.words.add(match.group(2))
            elif match := re.match(r"\[(\d+)/(\d+)\] ", line):  # ninja's
                done, total = map(int, match.groups())
            else:
                done += any(line.startswith(word) for word in self.words)
        if total and self.counted:
            self.counted.done, self.counted.total = done, total
        elif total:
            self.counted = SimpleNamespace(done=done, total=total, first=done, since=now)


def script(name, *words):
    return [HERE / name, *map(str, words)]


def first_steps():
    return [
        Step("fetch", 20, "fetch sources and packages from Debian", [], script("fetch.sh"), True),
        Step("toolchain", 3, "put the tools together", ["fetch"], script("toolchain.sh"), True),
        Step("libraries", 45, "zlib, bzip2, liblzma, SQLite for Wasm", ["toolchain"], script("libs.sh"), True),
        Step("cpython", 120, "CPython for Wasm", ["libraries"], script("cpython.sh"), True),
        Step("freeze", 4, "freeze the standard library and the prelude", ["cpython"], script("freeze.sh"), True),
    ]


def steps_to_profile(out):
    return first_steps() + [Step("train", 280, "build a guest with counters and train it", ["freeze"],
                                 script("train.sh", out))]


def steps_to_image(elf, program, jobs, profiled):
    steps = first_steps() + [
        Step("guest", 15, "link the guest and translate it to C", ["freeze"],
             script("guest.sh", "profile" if profiled else "plain"), True),
        Step("compile", 80, "compile the generated C" + (" with the profile" if profiled else ""), ["guest"],
             script("compile.sh", "use" if profiled else "plain", WORK / "guest/c",
                    WORK / ("use" if profiled else "plain"), HERE.parent.parent / "src/guest/include",
                    *([WORK / "profile"] if profiled else []))),
        Step("link", 3, "link with the runtime", ["compile"],
             script("runtime.sh", WORK / "guest/c", WORK / ("use" if profiled else "plain"), elf)),
    ]
    if program:
        steps += [
            Step("program", 40, "the program", [], ["ninja", "-C", program, "-j", jobs]),
            Step("image", 5, "start Python once and keep its memory", ["link", "program"],
                 [HERE.parent / "image.sh", "--finish", program, elf]),
        ]
    return steps


def is_there(step):
    environment = {**os.environ, "CLOCHE_CHECK": "1"}
    done = subprocess.run(step.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
                          check=False)
    if done.returncode not in (0, NOT_THERE):
        sys.exit(done.stderr.decode(errors="replace") + f"image: {step.command[0]} failed")
    return done.returncode == 0


def those_to_do(steps):
    """Without those whose result is there. What comes after a step that is to do is to do as well."""
    missing = set()
    for step in steps:
        if not step.check or missing & set(step.after) or not is_there(step):
            missing.add(step.name)
    return [step for step in steps if step.name in missing]


def path_left(steps, now):
    """Seconds until the last step ends: the longest chain of steps that wait for each other."""
    ends = {}
    for step in steps:  # those that a step waits for stand before it
        ends[step.name] = step.remaining(now) + max((ends.get(name, 0) for name in step.after), default=0)
    return max(ends.values(), default=0)


def about(seconds):
    """As a person would say it."""
    if seconds < 50:
        return f"{max(-(-int(seconds) // 10) * 10, 10)} s"
    return f"{max(round(seconds / 60), 1)} min"


def processor_seconds():
    """User time of all processes that were waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def end_tree(process):
    """End a process and all that it started. (Not by a process group of its own: who kills ours must
    reach them.)"""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        os.kill(process, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        end_tree(int(child))


class Progress:
    """The steps of one build and the lines that tell of them."""

    def __init__(self, steps, jobs, out=sys.stdout, clock=time.monotonic):
        self.steps, self.jobs, self.out, self.clock = steps, jobs, out, clock
        self.began = clock()
        self.planned = path_left(steps, self.began)
        self.finished, self.status_at, self.width = 0, self.began, 0
        self.used, self.looked = processor_seconds(), self.began

    def announce(self, from_last_time):
        source = "as last time here" if from_last_time else "on a machine with two cores"
        self.line(f"image: {len(self.steps)} steps, about {about(self.planned)} {source}:")
        for step in self.steps:
            self.line(f"  {step.label:<46}{round(step.seconds):4d} s")

    def left(self):
        """(share done, seconds left); the plan's seconds, corrected by how fast it went up to now."""
        now = self.clock()
        left, went = path_left(self.steps, now), now - self.began
        if self.planned - left > TRUST_SPEED_AFTER:
            left *= went / (self.planned - left)
        return went / (went + left) if went + left else 1, left

    def line(self, text):
        if self.width:
            self.out.write("\r" + " " * self.width + "\r")
            self.width = 0
        self.out.write(text + "\n")
        self.out.flush()

    def told(self):
        share, left = self.left()
        if all(step.took is not None for step in self.steps):
            return "100 % done"
        return f"{int(share * 100)} % done, about {about(left)} left"

    def status(self):
        """How far it is: in place on a terminal, else a line now and then."""
        now, terminal = self.clock(), self.out.isatty()
        if now - self.looked < 1:
            return
        self.looked = now
        running = [step for step in self.steps if step.running()]
        for step in running:
            step.look(now)
        if not running or not terminal and now - self.status_at < LINE_EVERY:
            return
        self.status_at = now
        texts = []
        for step in running:
            count = step.counted
            texts.append(step.label + (f" ({count.done} of {count.total})" if count else ""))
        text = f"        {'; '.join(texts)}: {self.told()}"
        if terminal:
            text = text[:os.get_terminal_size(self.out.fileno()).columns - 1]
            self.out.write("\r" + text.ljust(self.width))
            self.width = len(text)
            self.out.flush()
        else:
            self.line(text)

    def start(self, step):
        step.began = self.clock()
        step.log().parent.mkdir(parents=True, exist_ok=True)
        with open(step.log(), "wb") as log:
            step.process = subprocess.Popen(step.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def end(self, step):
        status = step.process.wait()
        now = self.clock()
        step.took = now - step.began
        step.look(now)
        used = processor_seconds()  # it grows only when a step's process has been waited for
        step.processor, self.used = used - self.used, used
        self.finished += 1
        number = f"[{self.finished:2d}/{len(self.steps)}]"
        if status:
            self.line(f"{number} {step.label:<46} FAILED after {step.took:.0f} s")
            sys.stderr.write("\n".join(step.log().read_text(errors="replace").splitlines()[-25:]) + "\n")
            sys.stderr.write(f'image: step "{step.label}" failed; its whole log: {step.log()}\n')
            return False
        note = "".join(step.said.get("note", [])[-1:])
        self.line(f"{number} {step.label:<45}{step.took:4.0f} s  {self.told():<32}  {note}".rstrip())
        for warning in step.said.get("warning", []):
            self.line(warning)
        return True

    def run(self):
        """Do all steps; False if one failed. What runs beside it is then ended, too."""
        try:
            while any(step.took is None for step in self.steps):
                for step in self.steps:
                    if step.running() and step.process.poll() is not None and not self.end(step):
                        return False
                waiting = {step.name for step in self.steps if step.took is None}
                for step in self.steps:
                    alone = not any(other.running() for other in self.steps)
                    if step.began is None and not waiting & set(step.after) and (alone or self.jobs > 1):
                        self.start(step)
                self.status()
                time.sleep(0.2)
            return True
        finally:
            for step in self.steps:
                if step.running():
                    end_tree(step.process.pid)
                    step.process.wait()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("image: stopped"))
    words = sys.argv[1:]
    if words[0] == "--train":
        steps = those_to_do(steps_to_profile(words[1]))
    else:
        elf, program, jobs = (words + [None, None])[:3]
        profiled = os.environ.get("CLOCHE_PGO", "1") != "0"
        steps = those_to_do(steps_to_image(elf, program, jobs, profiled))
    whole = any(step.name == "cpython" for step in steps)
    try:
        durations = json.loads(DURATIONS.read_text())
    except (OSError, ValueError):
        durations = {}
    # What is compiled again after a small change is another matter than all.
    key = {step.name: step.name if whole else step.name + " again" for step in steps}
    for step in steps:
        if step.name == "compile" and not whole:
            step.seconds = 20
        step.seconds = durations.get(key[step.name], step.seconds)
    progress = Progress(steps, int(os.environ.get("CLOCHE_JOBS", "2")))
    progress.announce(all(name in durations for name in key.values()))
    if not progress.run():
        return 1
    durations.update({key[step.name]: round(step.took, 1) for step in steps})
    DURATIONS.write_text(json.dumps(durations, indent=1, sort_keys=True) + "\n")
    print(f"image: done in {time.monotonic() - progress.began:.0f} s; processor time in user mode: "
          f"{sum(step.processor for step in steps):.0f} s ("
          + ", ".join(f"{step.name} {step.processor:.0f}" for step in steps) + ")")
    return 0


if __name__ == "__main__":
    sys.exit(main())
