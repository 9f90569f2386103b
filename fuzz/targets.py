#!/usr/bin/python3
"""Run fuzz targets, each from what earlier runs found: targets.py BUILD SECONDS AT_ONCE NAME...

Inputs that reach something new are kept outside the build, in CACHE/fuzz/NAME/, and what made a target
fail in CACHE/fuzz/findings/NAME/; CACHE is $CLOCHE_CACHE or ~/.cache/cloche. A run first executes all of
them and the seeds: an input that fails now is a finding too. Then it fuzzes for SECONDS, and keeps of the
inputs the fewest and smallest that reach everything (libFuzzer's merge). An input is called after its
SHA-1; one that is not what its name says is damaged, and passed over. Several runs may use the folder
at once: each works on a copy, and only the taking and giving is done one at a time.

The last line is `fuzz: N passed, N failed, 0 skipped`, one for each target.
"""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEEDS = Path(__file__).resolve().parent / "seeds"
INPUT_MAX, INPUTS_MAX, INPUTS_SIZE_MAX = 1 << 20, 1500, 4 << 20  # bytes, count, bytes of one target's
FINDINGS_MAX = 100  # of one target: the newest
TOLD_MAX = 10  # kept inputs that fail, of one target, before the rest is not looked at
MERGE_SECONDS = 120
OPTIONS = ["-timeout=10", "-rss_limit_mb=2048"]
INPUT_NAME = re.compile(r"[0-9a-f]{40}")
RUNNING = re.compile(r"^Running: (.*)$", re.M)
WRITTEN = re.compile(r"Test unit written to (\S+)")
EXECUTIONS = re.compile(r"^stat::number_of_executed_units: *(\d+)", re.M)


def name_of(data):
    return hashlib.sha1(data).hexdigest()


def read_input(path):
    """Its bytes, or None when it is none or damaged."""
    try:
        if not INPUT_NAME.fullmatch(path.name) or not path.is_file() or path.stat().st_size > INPUT_MAX:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if name_of(data) == path.name else None


def write_whole(path, data):
    """At once, so that nobody meets a part of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


class Kept:
    """What is kept of one target, for all builds and runs on this machine."""

    def __init__(self, root, name):
        self.root, self.corpus, self.findings = root, root / name, root / "findings" / name
        for folder in (self.corpus, self.findings):
            folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self):
        with (self.root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def take(self, folder):
        """Copy the inputs into a folder; their names."""
        with self.lock():
            inputs = {path.name: read_input(path) for path in self.corpus.iterdir()}
        inputs = {name: data for name, data in inputs.items() if data is not None}
        for name, data in inputs.items():
            (folder / name).write_bytes(data)
        return set(inputs)

    def give(self, taken, folder):
        """Keep a folder's inputs in the place of those that were taken; what other runs gave stays, as
        far as there is room: the smallest, for they say most for their size."""
        inputs = {path.name: read_input(path) for path in folder.iterdir()}
        with self.lock():
            for name, data in inputs.items():
                if data is not None and read_input(self.corpus / name) is None:
                    write_whole(self.corpus / name, data)
            sizes = []
            for path in self.corpus.iterdir():
                data = read_input(path)
                if data is None or (path.name in taken and path.name not in inputs):
                    remove(path)
                else:
                    sizes.append((len(data), path))
            room = INPUTS_SIZE_MAX
            for count, (size, path) in enumerate(sorted(sizes)):
                room -= size
                if count >= INPUTS_MAX or room < 0:
                    remove(path)
        return len(list(self.corpus.iterdir()))

    def failing(self, path):
        """An input of the corpus fails now: it is a finding from here on. Where it lies then."""
        data = path.read_bytes()
        place = self.findings / f"crash-{name_of(data)}"
        with self.lock():
            write_whole(place, data)
            remove(self.corpus / path.name)
        remove(path)
        return place

    def old_findings(self):
        """What failed once is executed in each run, and stays; of too many the oldest go."""
        with self.lock():
            paths = sorted(self.findings.glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in paths[FINDINGS_MAX:]:
                remove(path)
        return [path for path in paths[:FINDINGS_MAX]
                if path.is_file() and not path.name.startswith("slow-unit-")]


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Target:
    def __init__(self, program, seeds, kept, work):
        self.program, self.seeds, self.kept = program, seeds, kept
        self.corpus = work  # of a run that was interrupted, its inputs are still there

    def call(self, words, timeout=None):
        done = subprocess.run([self.program, *OPTIONS, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def failing(self, paths):
        """Execute inputs: of those that fail the path, and what the target said; None for a path when it
        does not say which."""
        found = []
        while paths and len(found) < TOLD_MAX:
            status, output = self.call(paths)
            if status == 0:
                break
            names = RUNNING.findall(output)
            at = [str(path) for path in paths].index(names[-1]) if names else None
            found.append((None if at is None else paths[at], output))
            paths = [] if at is None else paths[at + 1:]
        return found

    def old_failures(self):
        """Execute all that is known; yield where what fails lies, and what the target said."""
        seeds = sorted(path for path in self.seeds.iterdir() if path.is_file()) if self.seeds.is_dir() else []
        for path, output in self.failing([*seeds, *self.kept.old_findings(), *sorted(self.corpus.iterdir())]):
            yield self.kept.failing(path) if path and path.parent == self.corpus else path, output

    def fuzz(self, seconds):
        """Like libFuzzer: exit status and output. New inputs come to the corpus."""
        return self.call([f"-max_total_time={seconds}", "-print_final_stats=1",
                          f"-artifact_prefix={self.kept.findings}/", self.corpus,
                          *([self.seeds] if self.seeds.is_dir() else [])])

    def smallest(self, folder):
        """Into a folder, the inputs that reach all that the corpus reaches; all of them, if libFuzzer does
        not say which."""
        try:
            status, _ = self.call(["-merge=1", folder, self.corpus], timeout=MERGE_SECONDS)
        except subprocess.TimeoutExpired:
            status = 1
        if status:
            shutil.copytree(self.corpus, folder, dirs_exist_ok=True)

    def run(self, seconds):
        """One line that tells how it went, whether nothing was found, and what to show if something was."""
        self.corpus.mkdir(parents=True, exist_ok=True)
        taken, start = self.kept.take(self.corpus), time.monotonic()
        failures = list(self.old_failures())
        if failures:
            places = ", ".join(str(path or "(it does not say which)") for path, _ in failures)
            return f"FAILED: of the inputs that are kept or seeds: {places}", False, failures[0][1]
        checked = time.monotonic() - start
        status, output = self.fuzz(seconds)
        with tempfile.TemporaryDirectory(dir=self.corpus.parent) as folder:
            self.smallest(Path(folder))
            count = self.kept.give(taken, Path(folder))
        shutil.rmtree(self.corpus)
        if status:
            place = WRITTEN.search(output)
            return f"FAILED: {place[1] if place else 'it left no input'}", False, output
        executions = EXECUTIONS.search(output)
        return (f"{executions[1] if executions else '?'} executions, nothing found; {len(taken)} inputs kept before, "
                f"executed in {checked:.1f} s, {count} now"), True, ""


def kept_at(root, fallback, name):
    """Where the cache folder cannot be used, the build's takes its place."""
    try:
        return Kept(root, name)
    except OSError as error:
        print(f"fuzz: {name}: what is found is kept in {fallback} only: {error}", flush=True)
        return Kept(fallback, name)


def main():
    build, seconds, at_once, names = Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    root = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache/cloche").resolve() / "fuzz"

    def run(name):
        kept = kept_at(root, build / "kept", name)
        return Target(build / "fuzz" / f"fuzz_{name}", SEEDS / name, kept, build / f"corpus-{name}").run(seconds)

    passed = 0
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        runs = {pool.submit(run, name): name for name in names}
        for done in concurrent.futures.as_completed(runs):
            line, is_good, output = done.result()
            print(f"fuzz: {runs[done]}: {line}", flush=True)
            if output:
                print("\n".join(output.splitlines()[-40:]), flush=True)
            passed += is_good
    print(f"fuzz: {passed} passed, {len(names) - passed} failed, 0 skipped")
    return 0 if passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
