#!/usr/bin/python3
"""Run the WebAssembly core specification's tests in the micro-VM and compare with expected.txt.

  run.py [--build BUILD] [NAME...]      all of files.txt and own/*.wast, or the named files

Prints a line for each file, what is not as expected and, last, the counts of assertions; exit status
1 when one failed. README.md says how it works.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import build
import verdict
from script import OURS, TRAPS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import hypervisor  # noqa: E402

CACHE = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche") / "wasm-spec"
NO_STOP = 0xFFFFFFFF  # PLAY_NO_STOP of guest/request.h
CRASHES_MAX = 60  # in one group, then the rest of it is given up


def note(text):
    print(f"wasm: {text} ({time.monotonic() - START:.0f} s)", flush=True)


def listed():
    """The names of files.txt."""
    return [word for line in (HERE / "files.txt").read_text().splitlines()
            for word in line.partition("#")[0].split()]


def sources():
    done = subprocess.run([HERE / "fetch.sh"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(1)
    folder, tools = map(Path, done.stdout.split())
    words = listed()
    missing = [word for word in words if not (folder / f"{word}.wast").exists()]
    if missing or len(words) != len(set(words)):
        sys.exit(f"files.txt: not there, or named twice: {' '.join(missing)}")
    return [folder / f"{word}.wast" for word in words] + sorted(HERE.glob("own/*.wast")), tools


def prepare(program):
    """(folder with the image, scripts, the groups that it plays by number)"""
    wasts, tools = sources()
    folder = CACHE / f"image-{build.digest(program, wasts)}"
    ready = (folder / "spec.image").exists()
    if not ready:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "c").mkdir(parents=True)
        (folder / "o").mkdir()
    scripts = build.read_scripts(folder / "scripts", wasts, tools / "wast2json")
    modules = sum(len(script.instances) for script in scripts)
    note(f"{len(scripts)} scripts with {modules} modules")
    if ready:
        build.note_refusals(scripts, folder / "c")
        played = [group for script in scripts for group in script.groups if not group.obstacle()]
        note("the image is in the cache")
    else:
        build.translate_all(scripts, folder / "c", tools / "wasm2c")
        build.note_refusals(scripts, folder / "c")
        note("translated to C")
        played = build.write_tables(scripts, folder / "c")
        build.compile_and_link(folder, program, CACHE)
        note("compiled, linked, image made")
    os.utime(folder)
    build.clean(CACHE, folder)
    return folder, scripts, played


class Guest:
    """The driver, one order at a time."""

    def __init__(self, driver, image):
        self.process = subprocess.Popen([driver, image], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def play(self, group, stop, skips):
        """({command: what it said}, the command that had begun and not ended or None, the end)"""
        self.process.stdin.write(" ".join(map(str, [group, stop, *skips])) + "\n")
        self.process.stdin.flush()
        said, begun = {}, None
        while line := self.process.stdout.readline().rstrip("\n"):
            first, _, rest = line.partition(" ")
            if first == "end":
                return said, begun, rest
            if rest:
                said[int(first)] = rest
            else:
                begun = int(first)
        sys.exit(f"the driver ended with status {self.process.wait()}")


def play_group(guest, number, group):
    """[(command, outcome, detail)]: the module and the actions only where they fail."""
    commands, results, skips = group.all_commands(), {}, []
    while True:
        said, begun, end = guest.play(number, NO_STOP, skips)
        results.update({at: ("passed" if text == "ok" else "failed", text)
                        for at, text in said.items() if commands[at][1]})
        if end == "done":
            break
        if begun is None or commands[begun][0].kind == "module" or len(skips) == CRASHES_MAX:
            reason = f"the run ended: {end}"
            results.update({at: ("failed", reason) for at, (command, mine) in enumerate(commands)
                            if mine and at not in results})
            break
        if commands[begun][1]:
            results[begun] = ("failed", f"the run ended: {end}")
        skips.append(begun)
    for at, (command, mine) in enumerate(commands):
        if mine and command.kind in TRAPS and at not in results:
            said, begun, end = guest.play(number, at, skips)
            if begun == at:
                results[at] = verdict.of_trap(command.kind, command.text, end)
            else:
                results[at] = ("failed", f"did not trap: {said.get(at, end)}")
    return [(commands[at][0], *result) for at, result in sorted(results.items())
            if commands[at][0].kind in OURS or result[0] == "failed"]


def count(script, results, expected, counts):
    """Count, and print what is not as expected."""
    for command, outcome, detail in results:
        place = f"{script.stem}.wast:{command.line}"
        if outcome == "failed" and expected.fails(place):
            outcome = "known"
        elif outcome == "failed":
            field = command.action["field"] if command.action else ""
            print(f"   FAILED  {place} {command.kind} {field!r}: {detail}")
        counts[outcome] += 1


def run_script(guest, script, numbers, expected, counts):
    before, start = dict(counts), time.monotonic()
    for group in script.groups:
        reason = group.obstacle()
        if reason is None:
            count(script, play_group(guest, numbers[group], group), expected, counts)
        elif group.assertions():
            place = f"{script.stem}.wast:{group.line}"
            known = expected.left_out(place)
            counts["skipped" if known else "failed"] += group.assertions()
            if not known:
                print(f"   FAILED  {place}: the module {reason}")
    done = ", ".join(f"{counts[what] - before[what]} {what}" for what in counts
                     if counts[what] > before[what])
    print(f"{script.stem}: {done or 'nothing to assert'} in {time.monotonic() - start:.1f} s",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if not hypervisor.present():
        files = len(listed()) + len(list(HERE.glob("own/*.wast")))
        print(f"wasm: {hypervisor.MISSING}: NONE OF THE {files} SCRIPTS IS PLAYED")
        print(f"wasm: 0 passed, 0 failed, {files} skipped")
        return 0
    folder = Path(arguments.build).resolve()
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        image, scripts, played = prepare(folder / "cloche")
    numbers = {group: number for number, group in enumerate(played)}
    expected = verdict.Expected(HERE / "expected.txt")
    guest = Guest(folder / "tests/wasm_driver", image / "spec.image")
    counts = {"passed": 0, "failed": 0, "skipped": 0, "known": 0}
    chosen = [script for script in scripts if not arguments.names or script.stem in arguments.names]
    for script in chosen:
        run_script(guest, script, numbers, expected, counts)
    if not arguments.names:
        for place in expected.not_met():
            print(f"   FAILED  in expected.txt, but it passed or is not there: {place}")
            counts["failed"] += 1
    print(f"{sum(script.not_ours for script in chosen)} assertions about validation and linking "
          f"are wabt's, not ours; {counts['known']} fail as expected.txt says")
    print(f"wasm: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    START = time.monotonic()
    sys.exit(main())
