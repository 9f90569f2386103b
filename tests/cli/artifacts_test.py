"""/output by the same programs natively and in a sandbox: what they print, and what they leave, is the same.

And `cloche run --artifacts`, which brings it to the user."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from hypervisor import PROCESS, needs_wall

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
PROGRAMS = Path(__file__).resolve().parent.parent / "sandbox" / "artifacts" / "programs"
GENEROUS = 300
WALLS = [["--isolation=process"]] if PROCESS else [["--placement=thread"], ["--placement=worker"],
                                                   ["--isolation=process", "--jail=best"]]
ROOM = ["--time", "100s", "--memory", "512MiB"]


def run(*words, **named):
    return subprocess.run([CLOCHE, "run", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=GENEROUS, **named)


def code(text, *words, **named):
    return run(*words, "-c", text, **named)


def contents(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(Path(top).rglob("*")) if path.is_file()}


@needs_wall
class Same(unittest.TestCase):
    maxDiff = None

    def play(self, program, *arguments, leaves=True):
        with tempfile.TemporaryDirectory() as name:
            native = Path(name, "native")
            native.mkdir()
            done = subprocess.run([sys.executable, str(PROGRAMS / program), str(native), *arguments],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=GENEROUS)
            self.assertEqual((done.stderr, done.returncode), ("", 0))
            for number, wall in enumerate(WALLS):
                with self.subTest(wall=wall):
                    kept = Path(name, str(number))
                    here = run(*wall, *ROOM, "--artifacts", str(kept), str(PROGRAMS / program), "/output", *arguments)
                    self.assertEqual((here.stdout, here.stderr, here.returncode), (done.stdout, "", 0))
                    if leaves:
                        self.assertEqual(contents(kept), contents(native))
            self.assertTrue(done.stdout)

    def test_modes(self):
        self.play("modes.py")

    def test_names(self):
        self.play("names.py")

    def test_library(self):
        self.play("library.py", leaves=False)  # compressed data may differ

    def test_random_histories(self):
        for seed in ("1", "2", "3"):
            self.play("random_ops.py", seed, "1500")


@needs_wall
class Artifacts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)

    def test_they_are_copied_and_listed(self):
        text = ("import os; os.makedirs('/output/a/b')\n"
                "open('/output/a/b/t.csv', 'w').write('x,y\\n')\n"
                "left_open = open('/output/left open', 'w'); left_open.write('flushed')\n")
        done = code(text, "--json", "--artifacts", str(self.top / "kept"))
        listed = {one["path"]: one for one in json.loads(done.stdout)["artifacts"]}
        self.assertEqual(contents(self.top / "kept"), {"a/b/t.csv": b"x,y\n", "left open": b"flushed"})
        self.assertEqual(listed["a/b/t.csv"], {
            "path": "a/b/t.csv", "size": 4, "media_type": "text/csv", "renamed": False,
            "sha256": hashlib.sha256(b"x,y\n").hexdigest()})
        self.assertEqual(listed["left open"]["media_type"], "text/plain")

    def test_without_a_folder_it_says_so(self):
        done = code("open('/output/x', 'w').write('1')")
        self.assertEqual((done.returncode, done.stderr),
                         (0, "cloche: 1 file in /output is not kept; --artifacts DIR keeps it\n"))
        done = code("for n in 'ab': open('/output/' + n, 'w')\nraise SystemExit(3)")
        self.assertEqual((done.returncode, done.stderr),
                         (3, "cloche: 2 files in /output are not kept; --artifacts DIR keeps them\n"))
        self.assertEqual(code("print(1)").stderr, "")

    def test_whatever_ended_the_run_they_are_there(self):
        write = "import os\nf = open('/output/x', 'w'); f.write('before'); f.flush()\n"
        ends = {"raise ValueError('x')": 1, "os._exit(7)": 7, "while True: pass": 124,
                "import sys\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass": 124,
                "x = []\nwhile True: x.append(bytearray(1 << 20))": 137,
                "os.abort()": None}
        for wall in WALLS:
            for number, (end, status) in enumerate(ends.items()):
                with self.subTest(wall=wall, end=end):
                    kept = self.top / f"{number}{''.join(wall)}"
                    time = "1s" if status == 124 else "100s"
                    done = code(write + end, *wall, "--time", time, "--artifacts", str(kept))
                    if status is not None:
                        self.assertEqual(done.returncode, status, done.stderr)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertEqual(contents(kept), {"x": b"before"})

    def test_what_is_there_is_not_written_over_and_no_link_is_followed(self):
        kept, outside = self.top / "kept", self.top / "outside"
        kept.mkdir()
        outside.mkdir()
        (kept / "there").write_text("mine")
        (kept / "link").symlink_to(outside / "made")
        (kept / "folder").symlink_to(outside)
        (kept / "file").write_text("a file where a folder is wanted")
        text = ("import os\nos.mkdir('/output/folder'); os.mkdir('/output/file')\n"
                "for n in ('there', 'link', 'folder/x', 'file/x', 'fine', 'two\\nlines\\x1b[31m'):\n"
                "    open('/output/' + n, 'w').write('new')\n")
        done = code(text, "--artifacts", str(kept))
        self.assertEqual(done.returncode, 126)
        for path, why in (("there", "not overwritten; remove it.*"), ("link", "not overwritten; remove it.*"), ("folder/x", "Not a directory"),
                          ("file/x", "Not a directory")):
            self.assertRegex(done.stderr, f"cloche: /output/{path} is not kept: .*{why}\n")
        self.assertEqual((kept / "there").read_text(), "mine")
        self.assertEqual(list(outside.iterdir()), [])
        self.assertEqual((kept / "fine").read_text(), "new")
        again = code(text, "--artifacts", str(kept))
        self.assertNotIn("\x1b", again.stderr)
        self.assertIn("two?lines?[31m", again.stderr)

    def test_a_folder_that_cannot_be_is_said_before_the_code_runs(self):
        (self.top / "file").write_text("")
        for folder in (self.top / "file", self.top / "no" / "such"):
            done = code("print('ran')", "--artifacts", str(folder))
            self.assertEqual((done.stdout, done.returncode), ("", 126))
            self.assertIn("--artifacts: cannot ", done.stderr)

    def test_quotas(self):
        text = ("def number(call, *arguments):\n"
                "    import errno\n"
                "    try: return call(*arguments)\n"
                "    except OSError as error: return errno.errorcode[error.errno], error.strerror\n"
                "f = open('/output/1', 'wb', buffering=0)\n"
                "print(f.write(b'x' * 1500), number(f.write, b'x'), number(f.truncate, 2000))\n"
                "g = open('/output/2', 'wb', buffering=0)\n"
                "print(g.write(b'x' * 900), number(g.write, b'x'))\n"
                "print(number(open, '/output/3', 'w'))\n")
        quotas = ["--artifact-file-size", "1000", "--artifact-total-size", "1500", "--artifact-files", "2"]
        done = code(text, "--json", *quotas)
        self.assertEqual(json.loads(done.stdout)["stdout"],
                         "1000 ('EFBIG', 'File too large') ('EFBIG', 'File too large')\n"
                         "500 ('EDQUOT', 'Disk quota exceeded')\n('EDQUOT', 'Disk quota exceeded')\n")
        self.assertEqual(json.loads(done.stdout)["artifacts_refused"], "artifact_file_bytes")
        done = code("f = open('/output/1', 'w'); f.write('x' * 2000)", *quotas, "--artifacts", str(self.top / "k"))
        self.assertEqual(done.returncode, 1)  # what is left open is flushed, and that fails
        self.assertIn("OSError: [Errno 27] File too large", done.stderr)
        self.assertEqual(run("--artifact-files", "0", "-c", "1").returncode, 2)
        self.assertIn("it must be from 1 to 16384", run("--artifact-files", "20000", "-c", "1").stderr)

    def test_a_full_disk_is_told(self):
        if os.geteuid() != 0:
            self.skipTest("A SMALL FILE SYSTEM NEEDS ROOT")
        small = self.top / "small"
        small.mkdir()
        mount = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=1m none "{small}" && exec "$@"', "sh"]
        if subprocess.run([*mount, "true"], capture_output=True).returncode != 0:
            self.skipTest("A SMALL FILE SYSTEM NEEDS A MOUNT NAMESPACE")
        text = ("import errno\nf = open('/output/x', 'wb', buffering=0)\n"
                "done = 0\n"
                "try:\n"
                "    while True: done += f.write(b'x' * 100000)\n"
                "except OSError as error: print(errno.errorcode[error.errno], 500000 < done <= 1 << 20)\n"
                "import os; os.truncate('/output/x', 10); print(open('/output/x', 'rb').read(), f.seek(10), f.write(b'again'))")
        for wall in WALLS:
            done = subprocess.run([*mount, CLOCHE, "run", *wall, "-c", text], stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, timeout=GENEROUS, env={**os.environ, "TMPDIR": str(small)})
            self.assertEqual(done.stdout, "ENOSPC True\nb'xxxxxxxxxx' 10 5\n", done.stderr)

    def test_what_there_is_not_is_said(self):
        text = ("import errno, os, shutil\n"
                "def number(call, *arguments):\n"
                "    try: return call(*arguments)\n"
                "    except OSError as error: return errno.errorcode[error.errno]\n"
                "open('/output/f', 'w').write('x'); open('/tmp/t', 'w').write('t')\n"
                "print(number(os.symlink, 'f', '/output/l'), number(os.link, '/output/f', '/output/l'),\n"
                "      number(os.link, '/tmp/t', '/output/l'), number(os.rename, '/tmp/t', '/output/t'),\n"
                "      number(os.rename, '/output/f', '/tmp/f'), number(os.rmdir, '/output'),\n"
                "      number(os.rename, '/output', '/x'), number(os.remove, '/output'), number(os.mkdir, '/output'),\n"
                "      number(os.rename, '/input/a', '/output/a'), number(os.rename, '/output/f', '/input/f'),\n"
                "      number(os.readlink, '/output/f'), shutil.move('/tmp/t', '/output/t'),\n"
                "      shutil.copy('/input/a', '/output/copy'), sorted(os.listdir('/output')), os.listdir('/tmp'))\n")
        (self.top / "a").write_text("input")
        for wall in WALLS:
            done = code(text, *wall, "--mount", f"{self.top}:/input", "--artifacts", str(self.top / "".join(wall)))
            self.assertEqual(done.stdout, "EPERM EPERM EPERM EXDEV EXDEV EBUSY EXDEV EISDIR EEXIST EROFS EROFS EINVAL "
                             "/output/t /output/copy ['copy', 'f', 't'] []\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
