"""`cloche image` and `cloche doctor` on the real image and on damaged ones, and without a hypervisor."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from hypervisor import HIDING, WITHOUT, needs_hypervisor, present
from serve_test import CLEAN, Host, answer

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

    def test_both_walls_are_tried(self):
        for words, environment, by in (([], {"CLOCHE_ISOLATION": ""},
                                        "microvm, unless another is chosen: --isolation=process"),
                                       (["--isolation=microvm"], {}, "microvm, chosen by --isolation"),
                                       (["--isolation", "process"], {}, "process, chosen by --isolation"),
                                       ([], {"CLOCHE_ISOLATION": "process"}, "process, chosen by CLOCHE_ISOLATION")):
            done = cloche("doctor", *words, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertRegex(done.stdout, f"(?m)^ok +isolation +{by}$")
            self.assertRegex(done.stdout, r"(?m)^ok +hypervisor ")
            chosen, other = ("process", "microvm") if "process, chosen" in by else ("microvm", "process")
            where = {"microvm": "in a micro-VM", "process": "by process isolation, in a worker process"}
            self.assertRegex(done.stdout, rf"(?m)^ok +python +print\S+ printed 499500 in \S+ ms, {where[chosen]}$")
            self.assertRegex(done.stdout, rf"(?m)^ok +{other} +print\S+ printed 499500 in \S+ ms, {where[other]}$")
            self.assertTrue(done.stdout.endswith(f"This machine can run sandboxes, by {chosen} isolation.\n"))

    def test_a_library_that_cannot_be_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "libyaml-0.so.2").write_text("no library")
            env = {"LD_LIBRARY_PATH": folder}
            done = cloche("doctor", env=env)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stdout, r"MISSING +libraries +the library libyaml-0.so.2 cannot be loaded: .*\n"
                                          r" +install the package of this system that has libyaml-0.so.2, or set LD_LIBRARY_PATH to its folder ")
            done = cloche("serve", "--port", "0", str(ROOT / "examples/hyperlight-codeact/agent.yaml"), env=env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the library libyaml-0.so.2 cannot be loaded", done.stderr)
            if present():  # what needs none goes on
                self.assertEqual(cloche("run", "-c", "print(1)", env=env).stdout, "1\n")


EXAMPLE = "examples/hyperlight-codeact/agent.yaml"
NO_IMAGE = {"CLOCHE_IMAGE": "/nowhere.image"}


@unittest.skipIf(WITHOUT is None, HIDING)
class NoHypervisor(unittest.TestCase):
    def without_hypervisor(self, *words, **environment):
        kept = {key: value for key, value in os.environ.items() if key != "CLOCHE_ISOLATION"}
        return subprocess.run([*WITHOUT, CLOCHE, *words], capture_output=True, text=True, timeout=60, cwd=ROOT,
                              env={**kept, **environment})

    def test_everything_says_so_at_start(self):
        for words in (["run", "-c", "print(1)"], ["doctor"], ["serve", "--port", "0", EXAMPLE],
                      ["run", "--isolation=microvm", "-c", "print(1)"], ["doctor", "--isolation=microvm"]):
            for environment in ({}, NO_IMAGE):  # there may be no image either
                done = self.without_hypervisor(*words, **environment)
                self.assertNotEqual(done.returncode, 0, words)
                self.assertIn("No Hypervisor was found for Sandbox", done.stdout + done.stderr)
                self.assertIn("/dev/kvm", done.stdout + done.stderr)
                self.assertIn("; or do without a hypervisor, by process isolation, which protects from less: "
                              "--isolation=process or sandbox.isolation: process\n", done.stdout + done.stderr)

    def test_the_doctor_tells_what_is_chosen(self):
        done = self.without_hypervisor("doctor")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^MISSING +hypervisor +No Hypervisor was found for Sandbox: ")
        self.assertNotRegex(done.stdout, r"(?m)^\S+ +python ")
        for words, environment in (["doctor", "--isolation=process"], {}), (["doctor"], {"CLOCHE_ISOLATION": "process"}):
            done = self.without_hypervisor(*words, "--image", "/nowhere.image", **environment)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"(?m)^absent +hypervisor +No Hypervisor was found for Sandbox: .*\n"
                                          r" +Not needed: another isolation is chosen\.$")
            self.assertRegex(done.stdout, r"(?m)^MISSING +image +")
            self.assertNotIn("MISSING  hypervisor", done.stdout)

    @unittest.skipUnless(os.path.exists(IMAGE), f"NO IMAGE AT {IMAGE}")
    def test_process_isolation_needs_none(self):
        done = self.without_hypervisor("doctor")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^ok +process +print\S+ printed 499500 ")
        self.assertTrue(done.stdout.endswith("This machine cannot run sandboxes yet; by process isolation it can: "
                                             "--isolation=process.\n"), done.stdout)
        for words, environment in (["--isolation=process"], {}), ([], {"CLOCHE_ISOLATION": "process"}):
            done = self.without_hypervisor("doctor", *words, **environment)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertRegex(done.stdout, r"(?m)^absent +hypervisor +No Hypervisor was found for Sandbox: ")
            self.assertRegex(done.stdout, r"(?m)^ok +python +.* printed 499500 in \S+ ms, by process isolation, ")
            self.assertNotIn("MISSING", done.stdout)
            done = self.without_hypervisor("run", *words, "--json", "-c", "print(2 ** 100)", **environment)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            run = json.loads(done.stdout)
            self.assertEqual((run["stdout"], run["usage"]["isolation"]), (f"{2 ** 100}\n", "process"))
            # the hypervisor is still what a micro-VM wants
            done = self.without_hypervisor("run", "--isolation=microvm", "-c", "1", **environment)
            self.assertEqual(done.returncode, 126)
            self.assertIn("No Hypervisor was found for Sandbox", done.stderr)

    @unittest.skipUnless(os.path.exists(IMAGE), f"NO IMAGE AT {IMAGE}")
    def test_an_agent_is_served_without_one(self):
        with Host(*WITHOUT, CLOCHE, "serve", "--isolation=process", "--port", "0", EXAMPLE) as host:
            self.assertEqual(host.request("/readiness"), (200, {"status": "healthy", "isolation": "process"}))
            self.assertIn("499500", answer(host.ask("Run\n```python\nprint(sum(range(1000)))\n```")))

    @unittest.skipUnless(os.path.exists(IMAGE), f"NO IMAGE AT {IMAGE}")
    def test_the_demo_takes_what_there_is_and_says_so(self):
        with socket.socket() as free:  # nobody else's in the next second
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        because = "process, as there is no usable /dev/kvm here."
        for hide, environment, says in ((WITHOUT, {"CLOCHE_ISOLATION": ""}, because),
                                        (WITHOUT, {"CLOCHE_ISOLATION": "auto"}, because),
                                        ([], {"CLOCHE_ISOLATION": "process"}, "process, by CLOCHE_ISOLATION."),
                                        *([([], {"CLOCHE_ISOLATION": "auto"}, "microvm.")] if present() else [])):
            done = subprocess.run(
                [*hide, "tools/demo.sh", str(BUILD.resolve())], capture_output=True, text=True, timeout=120, cwd=ROOT,
                env={**CLEAN, "PORT": port, **environment})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"Isolation: {says} ", done.stdout)
            self.assertIn(f"cloche: isolation: {says.partition(',')[0].rstrip('.')}: ", done.stdout)
            self.assertIn("\nstatus: completed\n", done.stdout)
            self.assertIn("\nTry next:\n", done.stdout)
            self.assertRaises(OSError, socket.create_connection, ("127.0.0.1", int(port)))  # it is down again
        done = subprocess.run([*WITHOUT, "tools/demo.sh", str(BUILD.resolve())], capture_output=True, text=True, timeout=120,
                              cwd=ROOT, env={**CLEAN, "PORT": port, "CLOCHE_ISOLATION": "microvm"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("No Hypervisor was found for Sandbox", done.stderr)

    @unittest.skipUnless(os.path.exists(IMAGE), f"NO IMAGE AT {IMAGE}")
    def test_the_demo_leaves_the_host_up_when_told_to(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        done = subprocess.run(
            ["tools/demo.sh", str(BUILD.resolve())], capture_output=True, text=True, timeout=120, cwd=ROOT,
            env={**CLEAN, "PORT": port, "KEEP": "1", "CLOCHE_ISOLATION": "process"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        [process] = map(int, re.findall(r"^The host is still up, process (\d+),", done.stdout, re.M))
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/readiness", timeout=60) as answer:
                self.assertEqual(json.load(answer)["status"], "healthy")
        finally:
            os.kill(process, signal.SIGTERM)
        self.assertIn(f"  kill {process} ", done.stdout)


if __name__ == "__main__":
    unittest.main()
