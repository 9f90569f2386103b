"""Process isolation where the platform forbids things (tests/forbid.py): what works, and what is said."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
ROOT = Path(__file__).resolve().parents[2]
FORBID = str(ROOT / "tests" / "forbid.py")
EXAMPLE = str(ROOT / "examples" / "hyperlight-codeact" / "agent.yaml")
TOOLS = str(BUILD / "examples" / "example_tools.so")
GENEROUS = 60
LAYERS = ["user", "pid", "net", "ipc", "files", "rights", "limits", "landlock", "syscalls"]
NAMESPACES = ["user", "pid", "net", "ipc", "files"]
# What a platform takes of the jail; a machine may itself lack more.
PLATFORMS = {
    "gvisor": ["landlock"],
    "no-pidfd": [],
    "no-landlock": ["landlock"],
    "no-seccomp": ["syscalls"],
    "no-namespaces": NAMESPACES,
    "no-close-range": [],
    "no-execveat": [],
    "no-exec-gain": [],
    "gvisor,no-pidfd,no-namespaces,no-seccomp": [*NAMESPACES, "landlock", "syscalls"],
}
ROOTS_PLATFORMS = {
    "no-kvm": [],
    "user=65534": [],
    "user=1000,no-kvm": [],
    "read-only-proc": ["user"],
    "no-proc": ["user", "limits"],
    "no-close-range,no-proc": ["user", "limits"],
    "gvisor,no-pidfd,no-proc,no-namespaces,no-kvm": [*NAMESPACES, "limits", "landlock"],
}
NOT_ROOT = "NOT ROOT: no mounts and no other user to be tried"


def on(platform, *words, program=CLOCHE, env=None):
    return subprocess.run([sys.executable, FORBID, platform, program, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=GENEROUS,
                          env={**os.environ, "CLOCHE_ISOLATION": "process", **(env or {})})


def missing_here():
    """Layers of the jail that this machine itself does not allow."""
    said = re.search(r"Not allowed here: ([a-z, ]+)\.", on("no-execveat", "doctor").stdout)
    return set(said[1].split(", ")) if said else set()


def serving(platform):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    return subprocess.Popen([sys.executable, FORBID, platform, CLOCHE, "serve", "--port", "0", EXAMPLE],
                            stderr=subprocess.PIPE, text=True,
                            env={**environment, "CLOCHE_ISOLATION": "process"})


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def named(pid, name):
    """Descendants of a process by their command's name."""
    found, left = [], [pid]
    while left:
        for child in Path(f"/proc/{left.pop()}/task").glob("*/children"):
            for number in child.read_text().split():
                left.append(int(number))
                if Path(f"/proc/{number}/comm").read_text().strip() == name:
                    found.append(int(number))
    return found


class Platform(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lacking = missing_here()

    def check(self, platform, lost, **how):
        lost = set(lost) | self.lacking
        listed = ", ".join(layer for layer in LAYERS if layer in lost)
        with self.subTest(platform):
            done = on(platform, "run", "--tools", TOOLS, "-c", "print(len(call_tool('fetch_data', table='users')))", **how)
            self.assertEqual((done.stdout, done.returncode), ("3\n", 0), done.stderr)
            done = on(platform, "run", "--jail=best", "--time=200ms", "-c", "while True: pass", **how)
            self.assertEqual(done.returncode, 124, done.stderr)
            self.assertIn("TimeLimitExceeded", done.stderr)
            done = on(platform, "run", "--jail=strict", "-c", "print(1)", **how)
            if listed:
                self.assertEqual((done.stdout, done.returncode), ("", 126))
                self.assertIn(f"the jail around worker processes lacks: {listed}\n", done.stderr)
            else:
                self.assertEqual((done.stdout, done.returncode), ("1\n", 0), done.stderr)
            done = on(platform, "doctor", **how)
            self.assertEqual(done.returncode, 0, done.stdout)
            if listed:
                self.assertIn(f"Not allowed here: {listed}. serve --jail=strict would not start.", done.stdout)
            else:
                self.assertRegex(done.stdout, r"(?m)^ok +jail ")

    def test_filters(self):
        for platform, lost in PLATFORMS.items():
            self.check(platform, lost)

    @unittest.skipIf(os.geteuid(), NOT_ROOT)
    def test_mounts_and_users(self):
        with tempfile.TemporaryDirectory() as folder:  # where another user finds it, and the program beside it
            shutil.copy(BUILD / "python.image", folder)
            shutil.copy(CLOCHE, folder)
            os.chmod(folder, 0o755)
            env = {"CLOCHE_IMAGE": ""}
            for platform, lost in {**ROOTS_PLATFORMS, f"noexec={folder}/python.image": []}.items():
                self.check(platform, lost, program=f"{folder}/cloche", env=env)

    def test_mounted_files(self):
        code = ("import os, errno\n"
                "def look(path):\n"
                "    try: return len(open('/input/' + path, 'rb').read())\n"
                "    except OSError as error: return errno.errorcode[error.errno]\n"
                "print(sorted(os.listdir('/input')),\n"
                "      *map(look, ('sub/a', 'long', 'out', 'up/outside', 'sub/../long', 'none')))")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "data")
            (folder / "sub").mkdir(parents=True)
            Path(name, "outside").write_text("secret")
            (folder / "sub" / "a").write_text("a")
            (folder / "long").write_bytes(bytes(3_000_000))
            (folder / "out").symlink_to("../outside")
            (folder / "up").symlink_to("..")
            for platform in ("no-openat2", "gvisor", "no-landlock", "no-seccomp", "no-namespaces"):
                with self.subTest(platform):
                    done = on(platform, "run", "--mount", f"{folder}:/input", "-c", code)
                    up = "ENOTDIR" if platform == "no-openat2" else "ELOOP"  # name by name it is no folder
                    self.assertEqual((done.stdout, done.stderr.partition("cloche:")[0]),
                                     (f"['long', 'out', 'sub', 'up'] 1 3000000 ELOOP {up} 3000000 ENOENT\n", ""))

    def test_little_address_space(self):
        done = on("space=1000000000", "run", "-c", "print(1)")
        self.assertEqual((done.stdout, done.returncode), ("", 126))
        self.assertIn("reserving addresses 0x10000 to 0x700000000 for a guest: Cannot allocate memory\n", done.stderr)
        self.assertIn("raise the limit on address space (ulimit -v): 28 GiB are reserved, not used", done.stderr)

    def test_doctor_says_how_pages_are_found(self):
        for platform, env, row in (("gvisor", {}, "slower   pages        what a run wrote is read from"),
                                   ("no-pidfd", {"CLOCHE_SCAN_FALLBACK": "1"}, "slower   pages        what a run wrote is read"),
                                   ("no-pidfd", {"CLOCHE_SCAN_FALLBACK": "drop"}, "slower   pages        what a run wrote cannot")):
            self.assertIn(row, on(platform, "doctor", env=env).stdout)


class PlatformServe(unittest.TestCase):
    def setUp(self):
        self.server = None

    def tearDown(self):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server.stderr.close()

    def start(self, platform):
        self.server = serving(platform)
        said = ""
        for line in self.server.stderr:
            said += line
            if port := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(port[1])
                return said
        self.fail(said)

    def ask(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/responses", json.dumps(
            {"input": "What is 2 to the power of 100?"}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
            return json.load(answer)

    def test_code_that_was_written_may_not_be_executed(self):
        self.start("no-exec-gain")
        self.assertEqual(self.ask()["status"], "completed")

    def test_a_keeper_buries_its_worker(self):
        said = self.start("gvisor,no-pidfd,no-namespaces")
        self.assertRegex(said, r"not allowed on this machine: user, pid, net, ipc, files, landlock;")
        self.assertEqual(self.ask()["status"], "completed")
        workers, keepers = named(self.server.pid, "cloche-worker"), named(self.server.pid, "cloche-keeper")
        self.assertEqual(len(workers), len(keepers))
        self.assertTrue(workers)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + GENEROUS
        while all(map(is_alive, workers)) and time.monotonic() < deadline:  # one is buried when its place is used again
            self.assertEqual(self.ask()["status"], "completed")
        self.assertTrue([pid for pid in workers if not is_alive(pid)])
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(GENEROUS)
        while any(map(is_alive, workers + keepers)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse([pid for pid in workers + keepers if is_alive(pid)])


if __name__ == "__main__":
    unittest.main()
