"""A file of 1 GiB is mounted and hashed by the code: the digest is right, and the host's memory hardly grows, for nothing is
copied but what the code reads at the moment."""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import hypervisor  # noqa: E402

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
SIZE, BLOCK = 1 << 30, 1 << 20
GROWTH = 32 << 10  # KiB
HASH = ("import hashlib, sys\nmade, size = hashlib.sha256(), 0\n"
        "with open('/input/big', 'rb', buffering=0) as file:\n"
        "    while block := file.read(1 << 20):\n        made.update(block); size += len(block)\n"
        "print(made.hexdigest(), size)\n")


def run(*words):
    """What it prints, and the most memory that it, or a process of its, had at once, in KiB."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([BUILD / "cloche", "run", "--time", "600s", "--cpu-time", "600s", *words],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode()
    if process.returncode:
        raise AssertionError(said)
    return said, usage.ru_maxrss


class Gigabyte(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Every eighth block has other bytes, the rest are holes: the disk need not have 1 GiB."""
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = Path(cls.folder.name) / "big"
        made, empty = hashlib.sha256(), bytes(BLOCK)
        with open(cls.file, "wb") as file:
            for number in range(SIZE // BLOCK):
                block = hashlib.shake_256(number.to_bytes(4, "big")).digest(1024) * (BLOCK // 1024) if number % 8 == 0 else empty
                made.update(block)
                file.seek(number * BLOCK)
                if number % 8 == 0:
                    file.write(block)
            file.truncate(SIZE)
        cls.digest = made.hexdigest()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def is_hashed(self, *words):
        _, before = run(*words, "-c", "print(1)")
        said, after = run(*words, "--mount", f"{self.file}:/input/big", "-c", HASH)
        self.assertEqual(said, f"{self.digest} {SIZE}\n")
        self.assertLess(after - before, GROWTH, f"{before} KiB before, {after} with the file")

    @hypervisor.needs_hypervisor
    def test_in_process(self):
        self.is_hashed()

    @hypervisor.needs_hypervisor
    def test_through_a_worker(self):
        self.is_hashed("--placement", "worker")

    def test_by_process_isolation(self):
        self.is_hashed("--isolation", "process")


if __name__ == "__main__":
    unittest.main()
