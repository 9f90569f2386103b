"""What the faults suite keeps from run to run: under which key, for how long, and what it says of it."""

import contextlib
import importlib.util
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import visited

HERE = Path(__file__).resolve().parent
SOURCE = '#include <stdio.h>\nint main(void) { puts("%s"); return 0; }\n'
DAY = 86400
SUMMARY = ("some_test: 5 cases, {bad} with findings, 0 skipped; {faults} faults: 3 passed, 4 told, {bad} findings, "
           "0 not reached; before: {sites} sites, {paths} paths, 7 calls; left: 0 of 0 findings, 0 of 20 sites, "
           "{left} of 300 paths, 9 of 1000 calls\n")
FINDING = "   FINDING some_test: a_case, fault 7: dies (139): malloc in {} < main\n      a line of its output\n"


def load_run():
    """tests/faults/run.py; there are other modules of that name."""
    spec = importlib.util.spec_from_file_location("faults_run", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class KeyTest(InFolder):
    def built(self, where, text="hello"):
        """A program with debug information, which has the folder's name in it."""
        folder = self.folder / where
        folder.mkdir(exist_ok=True)
        (folder / "program.c").write_text(SOURCE % text)
        subprocess.run(["cc", "-g", "-o", "program", folder / "program.c"], cwd=folder, check=True)
        return folder / "program"

    def test_the_folder_of_the_build_does_not_count(self):
        here, there = self.built("here"), self.built("a-longer-name-there")
        self.assertNotEqual(here.read_bytes(), there.read_bytes())
        self.assertEqual(visited.Keys([], []).of(here), visited.Keys([], []).of(there))

    def test_all_that_a_program_is_made_of_counts(self):
        program, other = self.built("one"), self.built("other", "HELLO")
        expected = self.folder / "expected.txt"
        expected.write_text("nothing")
        first = visited.Keys([expected], [program], ["option"]).of(program)
        keys = {
            "the program": visited.Keys([expected], [program], ["option"]).of(other),
            "a library beside it": visited.Keys([expected], [other], ["option"]).of(program),
            "an option": visited.Keys([expected], [program], ["another"]).of(program),
        }
        expected.write_text("something")
        keys["a file"] = visited.Keys([expected], [program], ["option"]).of(program)
        for what, key in keys.items():
            with self.subTest(what):
                self.assertNotEqual(key, first)

    def test_the_libraries_that_it_loads_count(self):
        program = self.built("one")
        key = visited.Keys([], []).of(program)
        libraries = visited.Keys([], [])
        libraries.of(program)
        libc = next(path for path in libraries.libraries if "libc.so" in path)
        libraries.libraries[libc] = b"another libc"
        self.assertNotEqual(libraries.of(program), key)


class StoreTest(InFolder):
    def setUp(self):
        super().setUp()
        self.time = 1_800_000_000
        self.store = visited.Store(self.folder / "faults", now=lambda: self.time)

    def with_lines(self, name="some_test", key="k1"):
        path = self.store.open(name, key)
        with path.open("a") as file:
            file.write("+ 0123456789abcdef\n")
        return path

    def lines(self, name="some_test", key="k1"):
        return self.store.open(name, key).read_text().splitlines()

    def test_the_same_program_finds_what_was_kept_and_another_does_not(self):
        self.with_lines()
        self.assertEqual(self.lines(), [f"begun {self.time}", "+ 0123456789abcdef"])
        self.assertEqual(self.lines(key="k2"), [f"begun {self.time}"])
        self.assertEqual(self.lines(name="other_test"), [f"begun {self.time}"])

    def test_it_counts_for_fourteen_days_however_often_it_is_used(self):
        path, begun = self.with_lines(), self.time
        self.time = begun + 14 * DAY - 1
        os.utime(path, (self.time, self.time))
        self.assertEqual(len(self.lines()), 2)
        self.time = begun + 14 * DAY
        self.assertEqual(self.lines(), [f"begun {self.time}"])

    def test_what_is_damaged_is_begun_anew(self):
        for damage in (b"", b"begun\n", b"begun 99999999999\n+ 0123456789abcdef\n", bytes(range(256))):
            with self.subTest(damage):
                self.with_lines().write_bytes(damage)
                self.assertEqual(self.lines(), [f"begun {self.time}"])

    def test_fresh_forgets_one_program(self):
        self.with_lines()
        self.with_lines(key="k2")
        self.with_lines(name="other_test")
        self.store.forget("some_test")
        self.assertEqual([path.name for path in self.store.folder.iterdir()], ["other_test-k1"])

    def test_clean_up_ends_what_is_old_and_then_the_longest_unused(self):
        old = self.with_lines(key="old")
        self.time += 15 * DAY
        paths = [self.with_lines(key=f"k{i}") for i in range(4)]
        for i, path in enumerate(paths):
            with path.open("ab") as file:
                file.truncate(visited.SIZE_MAX // 3)
            os.utime(path, (self.time - i, self.time - i))
        self.store.clean_up()
        self.assertFalse(old.exists())
        self.assertEqual([path.exists() for path in paths], [True, True, True, False])

    def test_a_folder_that_cannot_be_used_is_told_and_nothing_is_kept(self):
        self.store.folder.write_text("a file")
        output, run = io.StringIO(), load_run()
        with contextlib.redirect_stdout(output):
            self.store.clean_up()
            file = run.visited_file(self.store, visited.Keys([], []), Path("/bin/true"))
        self.assertIsNone(file)
        self.assertIn("what is visited is not kept", output.getvalue())


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.report = load_run().Report()

    def told(self, output):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            self.report.program("some_test", output)
            status = self.report.end()
        return status, text.getvalue()

    def test_what_earlier_runs_visited_counts_as_passed(self):
        status, text = self.told(SUMMARY.format(bad=0, faults=0, sites=20, paths=300, left=0))
        self.assertEqual(status, 0)
        self.assertIn("before: 20 sites, 300 paths; nothing left", text)
        self.assertTrue(text.endswith("faults: 5 passed, 0 failed, 0 skipped\n"))

    def test_it_says_how_far_it_came(self):
        _, text = self.told(SUMMARY.format(bad=0, faults=9, sites=20, paths=100, left=191))
        self.assertIn("some_test: 9 faults, 0 of 5 cases with findings; before: 20 sites, 100 paths; "
                      "LEFT 191 of 300 paths", text)
        self.assertIn("left for lack of time: 0 of 20 sites, 191 of 300 further paths", text)

    def test_a_finding_fails_its_case_and_an_expected_one_does_not(self):
        summary = SUMMARY.format(bad=1, faults=1, sites=20, paths=300, left=0)
        status, text = self.told(FINDING.format("clo_thing+0x10") + summary)
        self.assertEqual(status, 1)
        self.assertIn("FINDING some_test: a_case, fault 7", text)
        self.assertTrue(text.endswith("faults: 4 passed, 1 failed, 0 skipped\n"))
        self.report = load_run().Report()
        status, text = self.told(FINDING.format("yaml_parser_load+0x10") + summary)
        self.assertEqual(status, 0)
        self.assertTrue(text.endswith("faults: 5 passed, 0 failed, 0 skipped\n"))

    def test_nothing_failed_at_all_is_a_failure(self):
        status, text = self.told(SUMMARY.format(bad=0, faults=0, sites=0, paths=0, left=0))
        self.assertEqual(status, 1)
        self.assertIn("NOTHING FAILED", text)


if __name__ == "__main__":
    unittest.main()
