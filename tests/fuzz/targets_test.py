"""What fuzzing keeps from run to run, with a target that is played by a script."""

import concurrent.futures
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "fuzz"))
import targets  # noqa: E402

# libFuzzer's command line. It fails on inputs with the text in FAILS. Fuzzing finds the inputs in FINDS.
# Of inputs with the same first byte, a merge keeps the smallest.
PLAYED = r"""#!/usr/bin/python3
import hashlib, os, sys
from pathlib import Path

def name(data):
    return hashlib.sha1(data).hexdigest()

def execute(data):
    if os.environ.get("FAILS") and os.environ["FAILS"].encode() in data:
        print("it fails here", flush=True)
        return False
    return True

def inputs(folders):
    return [path.read_bytes() for folder in folders for path in sorted(Path(folder).iterdir())]

options = dict(word[1:].split("=", 1) for word in sys.argv[1:] if word.startswith("-"))
places = [word for word in sys.argv[1:] if not word.startswith("-")]
if "merge" in options:
    kept = {}
    for data in sorted(inputs(places), key=len):
        kept.setdefault(data[:1], data)
    for data in kept.values():
        (Path(places[0]) / name(data)).write_bytes(data)
elif "max_total_time" in options:
    found = [word.encode() for word in os.environ.get("FINDS", "").split()]
    for data in [*inputs(places), *found]:
        if not execute(data):
            place = options["artifact_prefix"] + "crash-" + name(data)
            Path(place).write_bytes(data)
            print(f"artifact_prefix='{options['artifact_prefix']}'; Test unit written to {place}")
            sys.exit(77)
    for data in found:
        (Path(places[0]) / name(data)).write_bytes(data)
    print("stat::number_of_executed_units: 1234")
else:
    for place in places:
        print(f"Running: {place}", flush=True)
        if not execute(Path(place).read_bytes()):
            sys.exit(77)
"""


class TargetsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.root = self.folder / "cache" / "fuzz"
        self.seeds = self.folder / "seeds"
        self.seeds.mkdir()
        (self.seeds / "a-seed").write_bytes(b"seed")

    def run_target(self, finds="", fails="", build="build"):
        """One run of a build, which is a clean one."""
        program = self.folder / build / "fuzz_played"
        program.parent.mkdir(exist_ok=True)
        program.write_text(PLAYED)
        program.chmod(0o755)
        with mock.patch.dict(os.environ, FINDS=finds, FAILS=fails):
            target = targets.Target(program, self.seeds, targets.Kept(self.root, "played"), program.parent / "corpus")
            return target.run(1)

    def keep(self, *inputs):
        for data in inputs:
            (targets.Kept(self.root, "played").corpus / targets.name_of(data)).write_bytes(data)

    def kept(self):
        return sorted(path.read_bytes() for path in (self.root / "played").iterdir())

    def findings(self):
        return sorted(path.read_bytes() for path in (self.root / "findings" / "played").iterdir())

    def test_a_clean_build_goes_on_with_what_was_found(self):
        line, is_good, _ = self.run_target(finds="one two2 two")
        self.assertTrue(is_good, line)
        self.assertIn("1234 executions, nothing found; 0 inputs kept before", line)
        self.assertEqual(self.kept(), [b"one", b"two"])  # of two that reach the same, the smaller
        line, is_good, _ = self.run_target(finds="three", build="another")
        self.assertIn("2 inputs kept before", line)
        self.assertEqual(self.kept(), [b"one", b"two"])

    def test_a_finding_is_named_and_kept_and_found_again_first_until_it_passes(self):
        line, is_good, output = self.run_target(finds="one BAD", fails="BAD")
        place = self.root / "findings" / "played" / ("crash-" + targets.name_of(b"BAD"))
        self.assertFalse(is_good)
        self.assertEqual(line, f"FAILED: {place}")
        self.assertIn("it fails here", output)
        self.assertEqual(place.read_bytes(), b"BAD")
        line, is_good, _ = self.run_target(fails="BAD", build="another")
        self.assertFalse(is_good)
        self.assertIn(f"FAILED: of the inputs that are kept or seeds: {place}", line)
        self.assertTrue(self.run_target()[1])
        self.assertEqual(self.findings(), [b"BAD"])  # it stays, for the day on which it fails again
        self.assertFalse(self.run_target(fails="BAD")[1])

    def test_each_kept_input_that_fails_after_a_change_is_told_and_becomes_a_finding(self):
        self.keep(b"good", b"x BAD", b"y BAD", b"zebra")
        line, is_good, output = self.run_target(fails="BAD")
        self.assertFalse(is_good)
        self.assertIn("it fails here", output)
        for data in (b"x BAD", b"y BAD"):
            self.assertIn(str(self.root / "findings" / "played" / ("crash-" + targets.name_of(data))), line)
        self.assertEqual(self.findings(), [b"x BAD", b"y BAD"])
        self.assertEqual(self.kept(), [b"good", b"zebra"])

    def test_a_seed_that_fails_is_named(self):
        line, is_good, _ = self.run_target(fails="seed")
        self.assertFalse(is_good)
        self.assertIn(str(self.seeds / "a-seed"), line)

    def test_what_is_damaged_is_passed_over(self):
        self.keep(b"good")
        corpus = self.root / "played"
        (corpus / targets.name_of(b"was good")).write_bytes(b"is not BAD")
        (corpus / "no-name").write_bytes(b"BAD")
        (corpus / targets.name_of(b"folder")).mkdir()
        line, is_good, _ = self.run_target(fails="BAD")
        self.assertTrue(is_good, line)
        self.assertIn("1 inputs kept before", line)
        self.assertEqual(self.kept(), [b"good"])

    def test_an_interrupted_run_s_inputs_are_gone_on_with(self):
        corpus = self.folder / "build" / "corpus"
        corpus.mkdir(parents=True)
        (corpus / targets.name_of(b"found")).write_bytes(b"found")
        self.run_target()
        self.assertEqual(self.kept(), [b"found"])

    def test_there_is_a_ceiling_and_the_smallest_stay(self):
        self.keep(*(bytes([i]) * (i + 1) for i in range(8)))
        with mock.patch.multiple(targets, INPUTS_MAX=6, INPUTS_SIZE_MAX=11):
            self.run_target()
        self.assertEqual(self.kept(), [bytes([i]) * (i + 1) for i in range(4)])

    def test_of_findings_the_newest_stay(self):
        folder = targets.Kept(self.root, "played").findings
        for i in range(5):
            (folder / f"crash-{i}").write_bytes(b"%d" % i)
            os.utime(folder / f"crash-{i}", (i, i))
        with mock.patch.object(targets, "FINDINGS_MAX", 3):
            self.run_target()
        self.assertEqual(self.findings(), [b"2", b"3", b"4"])

    def test_two_runs_at_once_keep_what_both_found(self):
        for _ in range(5):
            with concurrent.futures.ThreadPoolExecutor() as pool:
                kept = [targets.Kept(self.root, "played") for _ in range(6)]
                works = [self.folder / f"work{i}" for i in range(6)]

                def go_on(i):
                    works[i].mkdir(exist_ok=True)
                    taken = kept[i].take(works[i])
                    data = b"found by %d" % i
                    (works[i] / targets.name_of(data)).write_bytes(data)
                    kept[i].give(taken, works[i])

                list(pool.map(go_on, range(6)))
        self.assertEqual(self.kept(), [b"found by %d" % i for i in range(6)])

    def test_where_the_cache_cannot_be_used_the_build_s_folder_is(self):
        self.root.parent.mkdir()
        self.root.write_text("a file")
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            kept = targets.kept_at(self.root, self.folder / "build" / "kept", "played")
        self.assertIn("is kept in", text.getvalue())
        self.assertTrue(kept.corpus.is_dir())

    def test_the_last_line_counts_the_targets(self):
        build = self.folder / "build"
        (build / "fuzz").mkdir(parents=True)
        for name in ("one", "two"):
            (build / "fuzz" / f"fuzz_{name}").write_text(PLAYED)
            (build / "fuzz" / f"fuzz_{name}").chmod(0o755)
        (build / "corpus-two").mkdir()
        (build / "corpus-two" / targets.name_of(b"BAD")).write_bytes(b"BAD")
        environment = {**os.environ, "CLOCHE_CACHE": str(self.folder / "cache"), "FAILS": "BAD"}
        done = subprocess.run([ROOT / "fuzz/targets.py", build, "1", "2", "one", "two"], env=environment,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("fuzz: one: 1234 executions, nothing found", done.stdout)
        self.assertRegex(done.stdout, r"fuzz: two: FAILED: .*/cache/fuzz/findings/two/crash-[0-9a-f]{40}\nRunning")
        self.assertEqual(done.stdout.splitlines()[-1], "fuzz: 1 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
