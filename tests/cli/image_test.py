"""`cloche image` and `cloche doctor` on the real image and on damaged ones, and without a hypervisor."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypervisor import needs_hypervisor, present

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
IMAGE = str(BUILD / "python.image")
ROOT = Path(__file__).resolve().parent.parent.parent


def cloche(*words, env=None):
    return subprocess.run([CLOCHE, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


@unittest.skipUnless(os.path.exists(IMAGE), f"NO IMAGE AT {IMAGE}")
class Image(unittest.TestCase):
    def test_inspect(self):
        self.assertIn("CPython 3.13", cloche("image", "inspect", IMAGE).stdout)
        self.assertIn("3.13", json.loads(cloche("image", "inspect", "--json", IMAGE).stdout)["runtime"])

    def test_verify(self):
        self.assertEqual(cloche("image", "verify", IMAGE).returncode, 0)

    def refused(self, damage, action=("image", "verify")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "damaged.image")
            shutil.copy(IMAGE, path)
            damage(path)
            done = cloche(*action, str(path))
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("damaged.image", done.stderr)
            return done.stderr

    def test_a_truncated_file_is_refused_everywhere(self):
        def cut(path):
            os.truncate(path, path.stat().st_size - 4096)
        for action in (("image", "verify"), ("image", "inspect")):
            self.assertRegex(self.refused(cut, action), "truncated|bytes")

    def test_a_flipped_bit_is_refused(self):
        def flip(path):
            with open(path, "r+b") as file:
                file.seek(path.stat().st_size // 2)
                byte = file.read(1)[0]
                file.seek(-1, 1)
                file.write(bytes([byte ^ 1]))
        self.assertIn("SHA-256", self.refused(flip))

    def test_foreign_files_are_refused(self):
        self.refused(lambda path: path.write_bytes(b""))
        self.refused(lambda path: path.write_text("hello\n" * 3000))
        self.refused(lambda path: shutil.copy("/bin/true", path))


@needs_hypervisor
class Doctor(unittest.TestCase):
    def test_healthy(self):
        done = cloche("doctor")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("499500", done.stdout)

    def test_a_library_that_cannot_be_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "libyaml-0.so.2").write_text("no library")
            env = {"LD_LIBRARY_PATH": folder}
            done = cloche("doctor", env=env)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stdout, r"MISSING +libraries +the library libyaml-0.so.2 cannot be loaded: .*\n"
                                          r" +install the package of this system that has libyaml-0.so.2\n")
            done = cloche("serve", "--port", "0", str(ROOT / "examples/hyperlight-codeact/agent.yaml"), env=env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the library libyaml-0.so.2 cannot be loaded", done.stderr)
            if present():  # what needs none goes on
                self.assertEqual(cloche("run", "-c", "print(1)", env=env).stdout, "1\n")


class NoHypervisor(unittest.TestCase):
    def without_hypervisor(self, *words, **environment):
        """Where there is one, /dev/null lies over it, in a mount namespace."""
        hide = [] if not present() else [
            "unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/kvm && exec "$@"', "sh"]
        return subprocess.run([*hide, CLOCHE, *words], capture_output=True, text=True, timeout=60, cwd=ROOT,
                              env={**os.environ, **environment})

    @unittest.skipIf(present() and os.geteuid() != 0, "HIDING /dev/kvm NEEDS ROOT AND A MOUNT NAMESPACE")
    def test_everything_says_so_at_start(self):
        for words in (["run", "-c", "print(1)"], ["doctor"],
                      ["serve", "--port", "0", "examples/hyperlight-codeact/agent.yaml"]):
            for environment in ({}, {"CLOCHE_IMAGE": "/nowhere.image"}):  # there may be no image either
                done = self.without_hypervisor(*words, **environment)
                self.assertNotEqual(done.returncode, 0, words)
                self.assertIn("No Hypervisor was found for Sandbox", done.stdout + done.stderr)
                self.assertIn("/dev/kvm", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
