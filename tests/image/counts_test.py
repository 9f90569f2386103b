"""The profile as data (tools/image/counts.py): gcc's files are read and written as gcc has them, the
profile of the repository is that of its training, and what does not fit is found and weighed."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "image"))
import counts  # noqa: E402

# Two functions that a run reaches and one that it does not, under names as wasm2c gives them.
PROGRAM = """
__attribute__((noinline)) int w2c_guest_hot(int n) { int sum = 0; for (int i = 0; i < n; i++)
    if (i % 3) sum += i; return sum; }
int w2c_guest_warm(int n) { return n > 2 ? w2c_guest_hot(n) : 0; }
int w2c_guest_cold(int n) { return n > 2 ? n : 0; }
"""
MAIN = """
int w2c_guest_warm(int);
int main(void) { return w2c_guest_warm(1000) == 0; }
"""
HOT, WARM, COLD = "w2c_guest_hot", "w2c_guest_warm", "w2c_guest_cold"


def quiet(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        return function(*arguments), text.getvalue()


class Trained(unittest.TestCase):
    """A small program, trained by the real compiler."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "guest_1.c").write_text(PROGRAM)
        (cls.folder / "main.c").write_text(MAIN)
        (cls.folder / "functions.txt").write_text(f"1 {HOT}\n1 {WARM}\n1 {COLD}\n")
        cls.gcc("-fprofile-generate", "-c", "guest_1.c", "-o", "guest_1.o")
        cls.gcc("-fprofile-generate", "main.c", "guest_1.o", "-o", "program")
        subprocess.run([cls.folder / "program"], check=True)
        cls.profile = cls.folder / "profile.xz"
        cls.said = counts.collect(cls.folder)
        counts.save(cls.said, cls.profile)

    @classmethod
    def gcc(cls, *words, cwd=None):
        return subprocess.run(["gcc", "-O2", "-frandom-seed=x", *words], cwd=cwd or cls.folder, check=True,
                              capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}).stderr

    def used(self, source=PROGRAM, damage=lambda path: None, flags=()):
        """What gcc says when it compiles the source with the profile; its object."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        counts.unpack(self.profile, folder)
        damage(folder / "guest_1.gcda")
        (folder / "guest_1.c").write_text(source)
        said = self.gcc("-fprofile-use", "-fprofile-partial-training", "-Wmissing-profile",
                        "-Wno-error=coverage-mismatch", *flags, "-c", "guest_1.c", "-o", "guest_1.o",
                        cwd=folder)
        return counts.said_by_gcc(said), (folder / "guest_1.o").read_bytes()

    def test_functions_are_found_by_their_names(self):
        functions = {function.name: function for function in self.said.functions()}
        self.assertEqual(counts.weight(functions[COLD]), 0)
        self.assertIsNone(functions[COLD].checksum)
        self.assertGreater(counts.weight(functions[HOT]), 1000)
        # two of three of a thousand numbers
        self.assertLessEqual({666, 1000}, set(functions[HOT].counters[counts.ARCS]))

    def test_gcc_takes_what_was_unpacked_for_its_own(self):
        said, ours = self.used()
        self.assertEqual(said, [COLD])  # which keeps no counts, and the code is the same all the same
        folder = self.folder / "gcc"
        folder.mkdir()
        shutil.copy(self.folder / "guest_1.gcda", folder)
        (folder / "guest_1.c").write_text(PROGRAM)
        self.gcc("-fprofile-use", "-fprofile-partial-training", "-w", "-c", "guest_1.c", "-o", "guest_1.o",
                 cwd=folder)
        self.assertEqual((folder / "guest_1.o").read_bytes(), ours)

    def test_the_counts_change_the_code(self):  # else the test above shows nothing
        folder = self.folder / "plain"
        folder.mkdir()
        (folder / "guest_1.c").write_text(PROGRAM)
        self.gcc("-c", "guest_1.c", "-o", "guest_1.o", cwd=folder)
        self.assertNotEqual((folder / "guest_1.o").read_bytes(), self.used()[1])

    def test_another_shape_is_said_by_gcc(self):
        said, _ = self.used(PROGRAM.replace("if (i % 3)", "if (i % 3 && i != 7)"))
        self.assertEqual(said, [COLD, HOT])

    def test_other_flags_give_another_shape(self):
        said, _ = self.used(flags=["-O0"])
        self.assertIn(HOT, said)

    def test_a_file_that_gcc_cannot_read_is_said(self):
        for damage in (lambda path: path.unlink(),
                       lambda path: path.write_bytes(path.read_bytes()[:4] + b"*33B" + path.read_bytes()[8:])):
            self.assertIn("*", self.used(damage=damage)[0])

    def test_the_same_profile_gives_the_same_bytes(self):
        again = self.folder / "again.xz"
        counts.save(counts.load(self.profile), again)
        self.assertEqual(again.read_bytes(), self.profile.read_bytes())

    def test_damage_is_named(self):
        path = self.folder / "damaged.xz"
        path.write_bytes(self.profile.read_bytes()[:-9])
        with self.assertRaisesRegex(counts.Bad, "damaged.xz is not a profile"):
            counts.load(path)
        path = self.folder / "damaged.gcda"
        data = (self.folder / "guest_1.gcda").read_bytes()
        for bad in (data[:40], b"x" + data, data[:16] + b"\7" * 8 + data[24:]):
            path.write_bytes(bad)
            with self.assertRaisesRegex(counts.Bad, "damaged.gcda"):
                counts.read_gcda(path)

    def fit(self, said, functions=f"1 {HOT}\n1 {WARM}\n1 {COLD}\n"):
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "functions.txt").write_text(functions)
        if said is not None:
            (folder / "guest_1.misfits").write_text(said)
        return quiet(counts.fit, self.profile, folder / "functions.txt", folder)

    def test_what_fits_is_said(self):
        status, text = self.fit(f"{COLD}\n")
        self.assertEqual(status, 0)
        self.assertIn("0 functions do not fit\nimage-note: the profile fits 100.00 % of what was trained\n", text)
        self.assertNotIn("image-warning", text)

    def test_what_no_longer_fits_is_a_failure_with_the_remedy(self):
        for said, functions in ((HOT, None), ("*", None), (None, None), ("", f"1 {WARM}\n1 {COLD}\n"),
                                ("", f"2 {HOT}\n1 {WARM}\n1 {COLD}\n")):
            status, text = self.fit(said, functions or f"1 {HOT}\n1 {WARM}\n1 {COLD}\n")
            self.assertEqual(status, 1, (said, functions))
            self.assertRegex(text, "image-warning: .*make profile")
            self.assertRegex(text, "image-warning:   hot ")

    def test_a_function_weighs_what_it_was_run(self):
        status, text = self.fit(f"{WARM}\n")
        self.assertEqual(status, 0)
        self.assertRegex(text, r"1 functions do not fit\nimage-note: the profile fits 99\.\d\d % of")

    def test_profiles_are_compared(self):
        other = counts.load(self.profile)
        path = self.folder / "other.xz"
        hot = other.files[1][0]
        other.files[1][0] = hot._replace(counters={**hot.counters, counts.ARCS: tuple(
            value + 1 for value in hot.counters[counts.ARCS])})
        counts.save(other, path)
        self.assertEqual(quiet(counts.compare, self.profile, self.profile)[0], 0)
        status, text = quiet(counts.compare, self.profile, path)
        self.assertEqual(status, 1)
        self.assertIn(f"{HOT} differs", text)
        # trained with another package, a small difference is as it should be, a large one is not
        other.keys = {"gcc-12": "another"}
        counts.save(other, path)
        self.assertEqual(quiet(counts.compare, self.profile, path)[0], 0)
        other.files[1][0] = hot._replace(checksum=1)
        counts.save(other, path)
        self.assertEqual(quiet(counts.compare, self.profile, path)[0], 1)


class OfTheRepository(unittest.TestCase):
    profile = ROOT / "guests" / "python" / "profile.xz"

    def test_it_was_made_from_this_training(self):
        shell = f". {ROOT}/tools/image/common.sh; trained_on"
        now = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout.strip()
        self.assertRegex(now, "^[0-9a-f]{16}$")
        self.assertEqual(counts.load(self.profile).keys["training"], now,
                         "guests/python/training or trainer.c has changed: make profile, then commit profile.xz")

    def test_it_is_written_as_counts_py_writes(self):
        text = counts.to_text(counts.load(self.profile))
        self.assertEqual(counts.to_text(counts.from_text(text)), text)
        self.assertTrue(re.search(r"^0x5FPyEval_EvalFrameDefault [0-9a-f]+$", text, re.M))


if __name__ == "__main__":
    unittest.main()
