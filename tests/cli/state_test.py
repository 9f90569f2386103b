"""`cloche run --state FILE`: variables, imports and files last from one run of the program to the next."""

import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from hypervisor import PROCESS, needs_wall

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str((BUILD / "cloche").resolve())
GENEROUS = 300
WALLS = [["--isolation=process"]] if PROCESS else [["--placement=thread"], ["--placement=worker"],
                                                   ["--isolation=process", "--jail=best"]]
WALL = WALLS[0]


@needs_wall
class State(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.state = self.folder / "session"

    def words(self, code, *options, wall=WALL):
        return [CLOCHE, "run", *wall, "--state", str(self.state), *options, "-c", code]

    def run_code(self, code, *options, **named):
        return subprocess.run(self.words(code, *options, **named), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=GENEROUS)

    def expect(self, code, stdout, *options, stderr="", exit_code=0, **named):
        done = self.run_code(code, *options, **named)
        self.assertEqual((done.stdout, done.stderr, done.returncode), (stdout, stderr, exit_code))

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_each_run_goes_on_from_the_one_before(self):
        for number, wall in enumerate(WALLS * 2):
            with self.subTest(wall=wall):
                self.expect("import fractions\nn = globals().get('n', 0) + 1\n"
                            "open('/output/log', 'a').write('x')\nprint(n, len(open('/output/log').read()))",
                            f"{number + 1} {number + 1}\n", wall=wall)
        self.assertEqual(self.files(), ["session", "session.key"])
        for name in self.files():
            self.assertEqual(stat.S_IMODE((self.folder / name).stat().st_mode), 0o600)
        self.assertEqual((self.folder / "session.key").stat().st_size, 32)

    def test_an_exception_and_a_limit_are_gone_on_from(self):
        self.run_code("n = 1")
        self.assertEqual(self.run_code("n += 1\n1 / 0").returncode, 1)
        self.assertEqual(self.run_code("n += 1\nwhile True: pass", "--time", "300ms").returncode, 124)
        self.expect("print(n)", "3\n")

    def test_what_ends_the_interpreter_leaves_the_file_as_it_was(self):
        self.run_code("n = 1\nopen('/output/kept', 'w').write('x')")
        before = self.state.read_bytes()
        said = "cloche: the session is as it was before this run: "
        self.expect("n = 2; import os; os._exit(3)", "", stderr=said + "the code ended the interpreter (os._exit)\n",
                    exit_code=3)
        stubborn = "n = 2\nwhile True:\n try:\n  while True: pass\n except BaseException: pass"
        done = self.run_code(stubborn, "--time", "200ms")
        self.assertEqual(done.returncode, 124)
        self.assertIn(said + "the run went on after its limit was reached, and was stopped", done.stderr)
        self.assertIn(said, self.run_code("import os; os.abort()").stderr)
        self.assertEqual(self.state.read_bytes(), before)
        self.expect("print(n, open('/output/kept').read())", "1 x\n")

    def test_a_first_run_that_is_lost_begins_nothing(self):
        self.assertIn("as it was before", self.run_code("import os; os._exit(3)").stderr)
        self.assertEqual(self.files(), ["session.key"])
        self.expect("print('n' in globals())", "False\n")

    def test_json_says_what_became_of_it(self):
        said = json.loads(self.run_code("open('/output/a', 'w').write('1')", "--json").stdout)
        self.assertEqual(said["state"], {"outcome": "kept", "note": None, "bytes": self.state.stat().st_size})
        said = json.loads(self.run_code("open('/output/b', 'w').write('1'); import os; os._exit(0)", "--json").stdout)
        self.assertEqual(said["state"]["outcome"], "as_before")
        self.assertIn("os._exit", said["state"]["note"])
        self.assertEqual([(one["path"], one["changed"]) for one in said["artifacts"]], [("a", False), ("b", True)])
        done = subprocess.run([CLOCHE, "run", *WALL, "--json", "-c", "1"], capture_output=True, timeout=GENEROUS)
        self.assertNotIn("state", json.loads(done.stdout))

    def test_artifacts_are_those_that_the_run_changed(self):
        folder = self.folder / "out"
        self.run_code("for n in 'ab': open('/output/' + n, 'w').write(n)", "--artifacts", str(folder))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["a", "b"])
        (folder / "b").unlink()
        self.expect("open('/output/b', 'a').write('!')", "", "--artifacts", str(folder))
        self.assertEqual((folder / "b").read_text(), "b!")

    def test_files_of_a_session_are_not_said_to_be_lost(self):
        self.expect("x = open('/output/a', 'w').write('1')", "")

    def test_a_key_of_ones_own(self):
        key = self.folder / "secret"
        key.write_bytes(b"sixteen bytes...")
        self.expect("n = 1", "", "--state-key", str(key))
        self.expect("print(n)", "1\n", "--state-key", str(key))
        self.assertEqual(self.files(), ["secret", "session"])
        done = self.run_code("print(n)")
        self.assertEqual(done.returncode, 126)
        self.assertIn("session.key", done.stderr)
        self.assertIn("--state-key", done.stderr)
        key.write_bytes(b"another sixteen.")
        done = self.run_code("print(n)", "--state-key", str(key))
        self.assertEqual((done.returncode, done.stdout), (126, ""))
        self.assertIn("another key", done.stderr)
        key.write_bytes(b"short")
        done = self.run_code("print(n)", "--state-key", str(key))
        self.assertIn("has 5 bytes; it has 16 to 1024", done.stderr)
        done = subprocess.run([CLOCHE, "run", "--state-key", str(key), "-c", "1"], capture_output=True, text=True,
                              timeout=GENEROUS)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--state-key without --state", done.stderr)

    def test_what_is_no_state_is_refused_and_stays(self):
        self.run_code("n = 1")
        good = self.state.read_bytes()
        for bad in (b"something else", good[:-1], good[:300] + bytes([good[300] ^ 1]) + good[301:]):
            self.state.write_bytes(bad)
            done = self.run_code("print('ran')")
            self.assertEqual((done.returncode, done.stdout), (126, ""))
            self.assertEqual(self.state.read_bytes(), bad)
        self.state.write_bytes(good)
        self.expect("print(n)", "1\n")
        self.run_code("big = bytearray(100 << 20)")
        done = self.run_code("print('ran')", "--memory", "64MiB")
        self.assertEqual((done.returncode, done.stdout), (126, ""))
        self.assertIn("64 MiB are allowed", done.stderr)
        folder = self.run_code("1", "--state", str(self.folder))
        self.assertEqual(folder.returncode, 126)

    def test_a_disk_that_is_full_leaves_it_as_it_was(self):
        self.run_code("n = 1")
        before = self.state.read_bytes()
        words = self.words("import os; n = 2; noise = os.urandom(1 << 20); print('began'); input(); print(n)")
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)) as run:
            self.assertEqual(run.stdout.readline(), "began\n")
            # Only now: the limit counts for the memory of a guest by process isolation, too, when it is made.
            resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
            stdout, stderr = run.communicate("\n", timeout=GENEROUS)
        self.assertEqual((stdout, run.returncode), ("2\n", 0))
        self.assertIn("as it was before this run: writing a snapshot: File too large", stderr)
        self.assertEqual(self.state.read_bytes(), before)
        self.assertEqual(self.files(), ["session", "session.key"])

    def test_runs_of_one_session_wait_for_each_other(self):
        self.run_code("log = []")
        runs = [subprocess.Popen(self.words(f"import time\ntime.sleep(0.2)\nlog.append({number})"),
                                 stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for number in range(5)]
        for run in runs:
            _, said = run.communicate(timeout=GENEROUS)
            self.assertEqual(run.returncode, 0)
            self.assertIn(said, ("", f"cloche: waiting for another run that has the session {self.state}\n"))
        self.expect("print(sorted(log))", "[0, 1, 2, 3, 4]\n")

    def test_a_program_that_is_killed_leaves_the_last_state(self):
        self.run_code("n = 1")
        run = subprocess.Popen(self.words("n = 2\nprint('there', flush=True)\nwhile True: pass"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.assertEqual(run.stdout.readline(), "there\n")
        with open(self.state, "rb") as file, self.assertRaises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        run.kill()
        run.communicate(timeout=GENEROUS)
        deadline = time.monotonic() + GENEROUS
        while time.monotonic() < deadline:  # its worker may end a moment later
            done = self.run_code("print(n)")
            if done.stdout:
                break
        self.assertEqual(done.stdout, "1\n")
        self.assertEqual(self.files(), ["session", "session.key"])


if __name__ == "__main__":
    unittest.main()
