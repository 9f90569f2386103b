"""The build's steps (tools/image/steps.py): what waits for what, what is left out, what is told."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools" / "image"))
import steps  # noqa: E402


def step(name, seconds, after=(), shell="true", check=False):
    return steps.Step(name, seconds, f"step {name}", list(after), ["sh", "-c", shell], check)


def runs(process):
    """Not if it is gone or nobody has waited for it yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Steps(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        patch = mock.patch.object(steps, "WORK", self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def run_all(self, all_steps, jobs=2):
        out = io.StringIO()
        progress = steps.Progress(all_steps, jobs, out)
        with contextlib.redirect_stderr(out):
            return progress.run(), out.getvalue()

    def test_the_longest_chain_is_the_time_left(self):
        first, beside, last = step("a", 10), step("b", 50), step("c", 20, ["a"])
        self.assertEqual(steps.path_left([first, beside, last], 0), 50)
        beside.took = 49
        self.assertEqual(steps.path_left([first, beside, last], 0), 30)
        first.began = 100
        self.assertEqual(steps.path_left([first, beside, last], 104), 26)
        self.assertEqual(steps.path_left([first, beside, last], 300), 21)  # late: it may end any moment

    def test_the_time_left_follows_the_speed_of_this_machine(self):
        now = [0.0]
        first, last = step("a", 100), step("b", 100, ["a"])
        progress = steps.Progress([first, last], 2, io.StringIO(), lambda: now[0])
        self.assertEqual(progress.left(), (0, 200))
        now[0], first.took = 200.0, 200.0  # half of the work in twice the time
        self.assertEqual(progress.left(), (0.5, 200))

    def test_steps_wait_for_each_other_and_others_run_beside_them(self):
        trace = self.folder / "trace"
        ok, _ = self.run_all([step("a", 1, [], f"sleep 0.6; echo a >>{trace}"),
                              step("b", 1, ["a"], f"echo b >>{trace}"),
                              step("c", 1, [], f"echo c >>{trace}")])
        self.assertTrue(ok)
        self.assertEqual(trace.read_text().split(), ["c", "a", "b"])

    def test_with_one_job_there_is_one_step_at_a_time(self):
        busy = self.folder / "busy"
        alone = f"mkdir {busy} && sleep 0.3 && rmdir {busy}"
        self.assertTrue(self.run_all([step("a", 1, [], alone), step("b", 1, [], alone)], jobs=1)[0])
        self.assertFalse(self.run_all([step("a", 1, [], alone), step("b", 1, [], alone)], jobs=2)[0])

    def test_a_failure_shows_its_log_and_ends_what_runs_beside(self):
        child = self.folder / "child"
        beside = step("b", 1, [], f"sleep 60 & echo $! >{child}; wait")
        ok, text = self.run_all([step("a", 1, [], "sleep 0.3; echo the reason; exit 5"), beside,
                                 step("c", 1, ["a"])])
        self.assertFalse(ok)
        self.assertIn("FAILED", text)
        self.assertIn("the reason", text)
        self.assertIn(str(self.folder / "logs" / "a.log"), text)
        self.assertIsNotNone(beside.process.poll())
        deadline = time.monotonic() + 20
        while runs(int(child.read_text())):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_notes_warnings_and_the_share_done_are_told(self):
        ok, text = self.run_all([step("a", 3, [], "echo image-note: old; echo image-note: new; "
                                      "echo image-warning: LOOK"), step("b", 4, ["a"])])
        self.assertTrue(ok)
        self.assertRegex(text, r"\[ 1/2\] step a .* s +\d+ % done, about 10 s left +new\nLOOK\n")
        self.assertRegex(text, r"\[ 2/2\] step b .* 100 % done\n")

    def test_how_far_a_step_is_comes_from_its_log(self):
        one = step("a", 100)
        one.began = 0
        one.look(1)
        self.assertIsNone(one.counted)
        self.assertEqual(one.remaining(10), 90)
        one.log().parent.mkdir()
        with open(one.log(), "w", encoding="ascii") as log:
            log.write("guest_ is not counted yet\nimage-total: 4 guest_\nguest_1 compiled\nsomething else\ngue")
            log.flush()
            one.look(20)
            self.assertEqual((one.counted.done, one.counted.total), (1, 4))
            self.assertEqual(one.remaining(20), 80)  # one is not known to be fast or slow yet
            log.write("st_2 kept\n")
            log.flush()
            one.look(50)
        self.assertEqual((one.counted.done, one.counted.total), (2, 4))
        self.assertEqual(one.remaining(50), 60)  # two more, 30 seconds each

    def test_ninja_counts_by_itself(self):
        one = step("a", 1)
        one.log().parent.mkdir()
        one.log().write_text("[1/155] Compiling x\n[17/155] Compiling y\n")
        one.look(1)
        self.assertEqual((one.counted.done, one.counted.total), (17, 155))

    def test_without_a_terminal_there_is_a_line_now_and_then(self):
        now = [0.0]
        out = io.StringIO()
        one = step("a", 100, [], "exec sleep 60")
        progress = steps.Progress([one], 2, out, lambda: now[0])
        progress.start(one)
        for now[0] in range(0, 60):
            progress.status()
        one.process.kill()
        one.process.wait()
        self.assertEqual(len(out.getvalue().splitlines()), 59 // steps.LINE_EVERY)  # and no line before
        self.assertRegex(out.getvalue(), r"step a: 20 % done, about 1 min left\n")

    def test_what_is_there_is_left_out_but_not_what_comes_after_a_missing_one(self):
        here = 'test -n "$CLOCHE_CHECK"'
        missing = 'if [ -n "$CLOCHE_CHECK" ]; then exit 3; fi'
        chain = [step("a", 1, [], here, True), step("b", 1, ["a"], missing, True), step("c", 1, ["b"], here, True),
                 step("d", 1)]
        self.assertEqual([one.name for one in steps.those_to_do(chain)], ["b", "c", "d"])
        with self.assertRaises(SystemExit):
            steps.those_to_do([step("a", 1, [], "exit 1", True)])

    def test_processor_time_is_each_steps_own(self):
        busy = step("a", 1, [], "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done")
        idle = step("b", 1, [], "sleep 0.1")
        self.assertTrue(self.run_all([busy, idle])[0])
        self.assertGreater(busy.processor, 0.05)
        self.assertLess(idle.processor, 0.05)

    def test_time_is_told_as_a_person_would(self):
        self.assertEqual([steps.about(seconds) for seconds in (0, 3, 11, 49, 50, 89, 91, 400)],
                         ["10 s", "10 s", "20 s", "50 s", "1 min", "1 min", "2 min", "7 min"])

    def test_every_step_waits_only_for_steps_before_it(self):
        for all_steps in (steps.steps_to_image("x", "build", "2", True), steps.steps_to_image("x", None, None, False),
                          steps.steps_to_profile("x")):
            known = set()
            for one in all_steps:
                self.assertLessEqual(set(one.after), known)
                known.add(one.name)
                if one.name != "program":
                    self.assertTrue(os.access(one.command[0], os.X_OK), one.command[0])


if __name__ == "__main__":
    unittest.main()
