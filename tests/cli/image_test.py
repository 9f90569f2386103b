"""`cloche image` and `cloche doctor` on the real image and on damaged ones; no hypervisor."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
IMAGE = str(BUILD / "python.image")
ROOT = Path(__file__).resolve().parent.parent.parent


def cloche(*words, env=None):
    return subprocess.run([CLOCHE, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


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


@unittest.skipUnless(os.access("/dev/kvm", os.R_OK | os.W_OK), "NO /dev/kvm HERE")
class Doctor(unittest.TestCase):
    def test_healthy(self):
        done = cloche("doctor")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("499500", done.stdout)


@unittest.skipUnless(os.geteuid() == 0, "hiding /dev/kvm needs root and a mount namespace")
class NoHypervisor(unittest.TestCase):
    """In a mount namespace whose /dev/kvm is /dev/null."""

    def without_kvm(self, *words):
        script = 'mount --bind /dev/null /dev/kvm && exec "$@"'
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", CLOCHE, *words],
                              capture_output=True, text=True, timeout=60, cwd=ROOT)

    def test_everything_says_so_at_start(self):
        if not os.path.exists("/dev/kvm"):
            self.skipTest("NO /dev/kvm TO HIDE HERE")
        for words in (["run", "-c", "print(1)"], ["doctor"],
                      ["serve", "--port", "0", "examples/hyperlight-codeact/agent.yaml"]):
            done = self.without_kvm(*words)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn("No Hypervisor was found for Sandbox", done.stdout + done.stderr)
            self.assertIn("/dev/kvm", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
