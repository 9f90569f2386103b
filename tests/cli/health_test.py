"""What a container asks of the program: `cloche health`, who may reach `serve`, whom $CLOCHE_USER makes of root, and
signals to the first process."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from hypervisor import needs_hypervisor, needs_wall
from serve_test import EXAMPLE, Host, serve

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
CLOCHE = str(BUILD / "cloche")
GENEROUS = 60
NOT_ROOT = "NOT ROOT: there is no other user to become"
USER, GROUP = 65532, 65531


def health(*words, env=None):
    return subprocess.run([CLOCHE, "health", *words], capture_output=True, text=True, timeout=GENEROUS,
                          env={k: v for k, v in {**os.environ, **(env or {})}.items() if k != "PORT" or env})


class Stranger:
    """A server that is none of ours: answers each connection with the same bytes, or with None not at all."""

    def __init__(self, answer):
        self.answer, self.kept = answer, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.socket.getsockname()[1])
        threading.Thread(target=self.play, daemon=True).start()

    def play(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            self.kept.append(one)
            one.recv(4096)
            if self.answer is not None:
                one.sendall(self.answer)
                one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for one in self.kept:
            one.close()


class Health(unittest.TestCase):
    @needs_wall
    def test_a_server_is_ready(self):
        with serve() as host:
            port = host.url.rpartition(":")[2]
            for words, env in ((("--port", port), None), ((), {"PORT": port}),
                               (("--address", "localhost", "--port", port, "--timeout", "30s"), None)):
                done = health(*words, env=env)
                self.assertRegex(done.stdout, rf"\Aready: http://\S+:{port}/readiness\n\Z")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = health("--port", port)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout, f"not ready: http://127.0.0.1:{port}/readiness: "
                                      "cannot connect: Connection refused\n")

    @needs_wall
    def test_by_version_6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("NO IPv6 HERE")
        with serve(None, "--listen", "::1") as host:
            done = health("--address", "::1", "--port", host.url.rpartition(":")[2])
            self.assertTrue(done.stdout.startswith("ready: http://[::1]:"), done.stdout)
            self.assertEqual(done.returncode, 0)

    def test_what_is_not_ready(self):
        for answer, said in (
                (b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}", "it is shutting down, or cannot take more (503)"),
                (b"HTTP/1.1 404 Not Found\r\n\r\n", "it answers 404 to /readiness"),
                (b"HTTP/1.1 200 OK\r\n\r\nhello", "what answers there is no cloche serve"),
                (b"HTTP/1.1 200 OK\r\n", "what answers there is no cloche serve"),
                (b"SSH-2.0-OpenSSH\r\n", "what answers there does not speak HTTP"),
                (b"", "what answers there does not speak HTTP"),
                (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100000, "what answers there is no cloche serve")):
            with self.subTest(answer=answer[:40]), Stranger(answer) as stranger:
                done = health("--port", stranger.port)
                self.assertEqual(done.stdout,
                                 f"not ready: http://127.0.0.1:{stranger.port}/readiness: {said}\n")
                self.assertEqual((done.returncode, done.stderr), (1, ""))

    def test_who_does_not_answer_is_not_waited_for(self):
        with Stranger(None) as stranger:
            done = health("--port", stranger.port, "--timeout", "200ms")
            self.assertTrue(done.stdout.endswith(": no answer in time\n"), done.stdout)
            self.assertEqual(done.returncode, 1)

    def test_wrong_words_are_usage(self):
        for words, env, said in ((("--port", "0"), None, '--port "0" is not a number from 1 to 65535'),
                                 (("--port", "80a"), None, '--port "80a" is not'),
                                 ((), {"PORT": "http"}, "the environment's PORT \"http\" is not"),
                                 (("--timeout", "soon"), None, '--timeout "soon"'),
                                 (("8088",), None, '"8088" is none')):
            with self.subTest(words=words):
                done = health(*words, env=env)
                self.assertIn(said, done.stderr)
                self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_it_loads_no_library_but_the_c_library(self):
        done = health(env={"PORT": "1", "LD_DEBUG": "libs"})
        loaded = set(re.findall(r"calling init: \S*/(\S+?)\.so", done.stderr))
        self.assertLessEqual(loaded, {"libc", "libm", "libseccomp", "ld-linux-x86-64"})
        self.assertIn("libc", loaded)


class Reached(unittest.TestCase):
    """Who may use a server is whoever reaches it: that is said where it is not this machine alone."""

    @needs_wall
    def test_beyond_loopback_it_is_said_in_capitals(self):
        for address in "0.0.0.0", "::":
            with self.subTest(address=address), serve(None, "--listen", address) as host:
                self.assertRegex(host.said(), r"WHOEVER REACHES \S+:[0-9]+ MAY USE IT")
        for address in "127.0.0.1", "127.0.0.2", "localhost":
            with self.subTest(address=address), serve(None, "--listen", address) as host:
                self.assertNotIn("WHOEVER", host.said())


@unittest.skipUnless(os.geteuid() == 0, NOT_ROOT)
class User(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # the image's own place may be below a home that only root may enter
        cls.folder = tempfile.TemporaryDirectory(prefix="cloche-user-")
        os.chmod(cls.folder.name, 0o755)
        cls.image = shutil.copy(BUILD / "python.image", cls.folder.name)
        for path in EXAMPLE.iterdir():
            shutil.copy(path, cls.folder.name)
        shutil.copy(BUILD / "examples/example_tools.so", cls.folder.name)
        shutil.copy(CLOCHE, cls.folder.name)
        cls.cloche = f"{cls.folder.name}/cloche"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def environment(self, user, isolation):
        return {"CLOCHE_USER": user, "CLOCHE_IMAGE": str(self.image), "CLOCHE_ISOLATION": isolation}

    def run_with(self, user, isolation="process", before=(), after=("-c", "print(6 * 7)")):
        return subprocess.run([*before, self.cloche, "run", *after], capture_output=True, text=True, cwd="/",
                              env={**os.environ, **self.environment(user, isolation)}, timeout=GENEROUS)

    def serve_as(self, user, isolation):
        with Host(self.cloche, "serve", "--port", "0", f"{self.folder.name}/agent.yaml",
                  env=self.environment(user, isolation)) as host:
            status = Path(f"/proc/{host.process.pid}/status").read_text()
            for word, number in ("Uid", USER), ("Gid", GROUP):
                self.assertEqual(re.search(rf"^{word}:\s+(.*)", status, re.M)[1].split(), [str(number)] * 4)
            self.assertEqual(re.search(r"^Groups:[ \t]*(.*)", status, re.M)[1].strip(), "")
            for word, value in ("CapPrm", 0), ("CapEff", 0), ("CapInh", 0), ("NoNewPrivs", 1):
                self.assertEqual(int(re.search(rf"^{word}:\s+(\S+)", status, re.M)[1], 16), value, word)
            self.assertEqual(host.ask("Please run\n```python\nprint(6 * 7)\n```")["status"], "completed")
            self.assertIn(f"isolation: {isolation}", host.said())

    def test_serve_by_process_isolation(self):
        self.serve_as(f"{USER}:{GROUP}", "process")

    @needs_hypervisor
    def test_serve_with_a_device_that_only_root_may_open(self):
        if os.stat("/dev/kvm").st_mode & 0o006:
            self.skipTest("EVERYBODY MAY OPEN /dev/kvm HERE: nothing to see")
        self.serve_as(f"{USER}:{GROUP}", "microvm")

    def test_run(self):
        done = self.run_with(str(USER))
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("42\n", "", 0))

    def test_who_is_another_user_stays_it(self):
        done = self.run_with(str(USER), before=["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"])
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("42\n", "", 0))

    def test_a_file_that_only_root_may_read_is_not_read(self):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as code:
            code.write("print(1)")
            code.flush()
            done = self.run_with(str(USER), after=[code.name])
            self.assertIn("Permission denied", done.stderr)
            self.assertEqual(done.returncode, 126)

    def test_without_the_right_to_it_stays_root_and_says_so(self):
        done = self.run_with(str(USER), before=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
        self.assertIn(f"CLOCHE_USER={USER}: this process may not change its user", done.stderr)
        self.assertIn("stays uid 0", done.stderr)
        self.assertEqual((done.stdout, done.returncode), ("42\n", 0))

    def test_what_is_no_user_is_refused(self):
        for user in "nobody", "0", "-1", "1:", "1:0", "1:2:3", "4294967295", "99999999999999999999", " 1", "1 ":
            with self.subTest(user=user):
                done = self.run_with(user)
                self.assertIn(f'CLOCHE_USER is "{user}"', done.stderr)
                self.assertEqual((done.stdout, done.returncode), ("", 2))
        self.assertEqual(self.run_with("").stdout, "42\n")


@unittest.skipUnless(os.geteuid() == 0, "NOT ROOT: no process namespace")
class First(unittest.TestCase):
    """A first process without a handler for a signal does not get it."""

    def test_run_ends_by_signals(self):
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
            with self.subTest(number), subprocess.Popen(
                    ["unshare", "--pid", "--fork", CLOCHE, "run", "--time=100s", "-c",
                     "print('runs', flush=True)\nwhile True: pass"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env={**os.environ, "CLOCHE_ISOLATION": "process"}) as outer:
                self.assertEqual(outer.stdout.readline(), b"runs\n")
                [first] = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
                os.kill(int(first), number)
                self.assertEqual(outer.wait(GENEROUS), 128 + number)


if __name__ == "__main__":
    unittest.main()
