"""Every script in tests/scripts prints in the guest what Debian 13's Python 3.13 prints natively."""

import os
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypervisor import needs_wall

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
SCRIPTS = sorted((Path(__file__).resolve().parent.parent / "scripts").glob("*.py"))
CACHE = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche")
NATIVE = CACHE / "work" / "toolchain" / "bin" / "python3.13"
GENEROUS = 120


def outcome(words, path):
    done = subprocess.run([*words, str(path)], capture_output=True, text=True, timeout=GENEROUS)
    return done.returncode, done.stdout, done.stderr


def both(path):
    return (outcome([CLOCHE, "run", "--time", "60s", "--cpu-time", "60s"], path),
            outcome([str(NATIVE), "-I"], path))


@needs_wall
class Scripts(unittest.TestCase):
    def test_there_are_fifty(self):
        self.assertGreaterEqual(len(SCRIPTS), 50)

    def test_each_prints_what_native_python_prints(self):
        self.assertTrue(NATIVE.exists(), f"{NATIVE} is missing: tools/image/build.sh unpacks it")
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            outcomes = list(threads.map(both, SCRIPTS))
        for path, (ours, native) in zip(SCRIPTS, outcomes):
            with self.subTest(script=path.name):
                self.assertEqual(native[0], 0, native[2])
                self.assertEqual((ours[0], ours[1]), native[:2], ours[2])


if __name__ == "__main__":
    unittest.main()
