"""The container image under a real Docker engine: both walls, all users, both filters, health, the end."""

import gzip
import io
import json
import os
import re
import ssl
import subprocess
import tarfile
import tempfile
import textwrap
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypervisor
from stage import (BASE, CURL, GENEROUS, IMAGE, LAYERS, ROOT, Served, context, copy_without_shell, lacking_here,
                   made_base, stage, text_of)

PROCESS = ("-e", "CLOCHE_ISOLATION=process")
DEVICE = ("--device=/dev/kvm",)
BARE = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
OURS = (f"--security-opt=seccomp={ROOT}/deploy/seccomp.json",)
OTHER = ("--user=1234:1234",)
NAMESPACES = ["user", "pid", "net", "ipc", "files"]
MB = 1000000
PACKED_MAX, UNPACKED_MAX = 60 * MB, 120 * MB
needs_hypervisor = unittest.skipUnless(hypervisor.present(), hypervisor.MISSING)


class Image(unittest.TestCase):
    def setUp(self):
        self.engine = stage()

    def test_nothing_needs_a_shell(self):
        config = self.engine.inspect(IMAGE)["Config"]
        self.assertEqual(config["Entrypoint"], ["/usr/local/bin/cloche"])
        self.assertEqual(config["Cmd"][:2], ["serve", "--listen=0.0.0.0"])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", "/usr/local/bin/cloche", "health"])
        self.assertEqual(list(config["ExposedPorts"]), ["8088/tcp"])
        made = self.engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE).stdout.splitlines()
        ours = made[:made.index(next(line for line in made if "COPY" in line and "python.image" in line
                                     or "/usr/local/share/cloche" in line)) + 1]
        self.assertFalse([line for line in ours if "#(nop)" not in line])

    def test_on_a_base_with_no_program_at_all(self):
        with tempfile.TemporaryDirectory() as folder:
            bare = copy_without_shell(made_base("bookworm"), Path(folder, "bare.tar"))
            self.engine.docker("import", bare, "cloche-bare-base")
            self.engine.docker("build", "--tag", "cloche-bare", "--build-arg", "BASE=cloche-bare-base",
                               context(self.engine))
        for words in (["sh", "-c", "true"], ["/bin/ls"]):
            done = self.engine.docker("run", "--rm", "--entrypoint", words[0], "cloche-bare", *words[1:], check=False)
            self.assertNotEqual(done.returncode, 0)
        with Served(*PROCESS, *BARE, *OTHER, "--health-interval=1s", image="cloche-bare") as served:
            self.assertEqual(served.ask("multiply 7 by 6")["status"], "completed")
            self.assertEqual(wait_for_health(served, "healthy"), "healthy")

    def test_its_size(self):
        """The layers above the base's, as `docker save` has them, and as a registry keeps them."""
        of_base = self.engine.inspect(BASE)["RootFS"]["Layers"]
        self.assertEqual(self.engine.inspect(IMAGE)["RootFS"]["Layers"][:len(of_base)], of_base)
        saved = subprocess.run(["docker", "save", IMAGE], env=self.engine.environment(), stdout=subprocess.PIPE,
                               check=True, timeout=GENEROUS).stdout
        with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
            [listed] = json.load(tar.extractfile("manifest.json"))
            data = [tar.extractfile(name).read() for name in listed["Layers"][len(of_base):]]
        unpacked, packed = sum(map(len, data)), sum(len(gzip.compress(one, 6)) for one in data)
        print(f"container: {packed / MB:.1f} MB packed by gzip, {unpacked / MB:.1f} MB unpacked, above the base")
        self.assertLessEqual(packed, PACKED_MAX)
        self.assertLessEqual(unpacked, UNPACKED_MAX)
        self.assertGreater(unpacked, 50 * MB)  # the image of Python is in it

    def test_other_commands(self):
        for words, out in ((["version"], r"cloche \d+\.\d+\.\d+\n"), (["run", "-c", "print(6 * 7)"], r"42\n"),
                           (["run", "-c", "import os; print(os.environ.get('CLOCHE_USER'))"], r"None\n")):
            done = self.engine.docker("run", "--rm", *PROCESS, IMAGE, *words)
            self.assertRegex(done.stdout, rf"\A{out}\Z")
        done = self.engine.docker("run", "--rm", *PROCESS, IMAGE, "doctor")
        self.assertIn("This machine can run sandboxes, by process isolation.", done.stdout)
        self.assertNotIn("MISSING", done.stdout)

    @needs_hypervisor
    def test_run_in_a_micro_vm(self):
        done = self.engine.docker("run", "--rm", *DEVICE, IMAGE, "run", "-c", "print(6 * 7)")
        self.assertEqual((done.stdout, done.stderr), ("42\n", ""))

    def test_without_a_device_it_says_what_to_do(self):
        done = self.engine.docker("run", "--rm", IMAGE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No Hypervisor was found for Sandbox: cannot open /dev/kvm", done.stderr)
        self.assertIn("--device=/dev/kvm", done.stderr)
        self.assertIn("--isolation=process", done.stderr)


class Walls(unittest.TestCase):
    """The request of the seed, word for word, and what `serve` says of the layers that do not stand."""

    def setUp(self):
        stage()

    def serve(self, isolation, options, lost, user):
        lost = [layer for layer in LAYERS if layer in {*lost, *lacking_here()}]
        with self.subTest(options=options), Served(*options) as served:
            done = served.engine.bash(CURL)
            answer = json.loads(done.stdout)
            self.assertEqual(answer["status"], "completed", done.stdout)
            for part in "Admins:", "7 x 6 = 42":
                self.assertIn(part, text_of(answer))
            said = served.said()
            self.assertIn(f"cloche: isolation: {isolation}:", said)
            stand = ", ".join(layer for layer in LAYERS if layer not in lost)
            self.assertIn(f"jail around worker processes: {stand}\n", said)
            if lost:
                self.assertIn(f"not allowed on this machine: {', '.join(lost)};", said)
            self.assertIn("WHOEVER REACHES 0.0.0.0:8088 MAY USE IT", said)
            status = served.engine.docker("top", served.id, "-eo", "pid,uid,comm").stdout
            self.assertEqual({line.split()[1] for line in status.splitlines() if line.endswith(" cloche")}, {user})
            done = served.engine.docker("exec", served.id, "/usr/local/bin/cloche", "health", check=False)
            self.assertEqual((done.stdout, done.returncode), ("ready: http://127.0.0.1:8088/readiness\n", 0))

    def test_process_isolation(self):
        for options, lost, user in (((), NAMESPACES, "65532"), (BARE, NAMESPACES, "0"), ((*BARE, *OTHER), NAMESPACES, "1234"),
                                    (("--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID", "--read-only",
                                      "--security-opt=no-new-privileges"), NAMESPACES, "65532")):
            self.serve("process", (*PROCESS, *options), lost, user)

    def test_process_isolation_by_our_filter(self):
        for options, lost, user in (((), [], "65532"), (BARE, ["user"], "0"), ((*BARE, *OTHER), [], "1234")):
            self.serve("process", (*PROCESS, *OURS, *options), lost, user)

    @needs_hypervisor
    def test_micro_vms(self):
        for options, lost, user in (((), NAMESPACES, "65532"), (BARE, NAMESPACES, "0"), (OURS, [], "65532"),
                                    ((*OURS, "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID", "--read-only",
                                      "--security-opt=no-new-privileges"), [], "65532")):
            self.serve("microvm", (*DEVICE, *options), lost, user)

    def test_a_strict_jail_starts_by_our_filter_alone(self):
        words = ("serve", "--listen=0.0.0.0", "--jail=strict", "agent.yaml")
        if not lacking_here():
            with Served(*PROCESS, *OURS, *BARE, *OTHER, words=words) as served:
                self.assertEqual(served.ask("multiply 7 by 6")["status"], "completed")
        done = stage().docker("run", "--rm", *PROCESS, IMAGE, *words, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the jail around worker processes lacks: user, pid, net, ipc, files", done.stderr)

    def test_our_filter_is_tighter(self):
        """What it has no business with is refused, also to the container's root."""
        code = textwrap.dedent("""
            import ctypes, sys
            libc = ctypes.CDLL(None, use_errno=True)
            for name, *words in [("ptrace", 0, 0, 0, 0), ("personality", 0), ("unshare", 0x2000000), ("setns", 0, 0),
                                 ("mount", b"none", b"/mnt", b"tmpfs", 0, 0), ("socket", 40, 1, 0)]:
                libc[name](*words)
                print(name, ctypes.get_errno())
        """)
        engine = stage()
        # a base that has Python, which the image's has not: this machine's own programs, read-only
        places = [f"--volume={place}:{place}:ro" for place in ("/usr", "/lib", "/lib64", "/bin", "/etc/alternatives")
                  if Path(place).exists()]
        done = engine.docker("run", "--rm", *OURS, *places, "--entrypoint", "/usr/bin/python3", BASE, "-c", code)
        refused = dict(line.split() for line in done.stdout.splitlines())
        self.assertEqual(set(refused), {"ptrace", "personality", "unshare", "setns", "mount", "socket"})
        self.assertEqual({name: value for name, value in refused.items() if value not in ("1", "38")}, {})


class Device(unittest.TestCase):
    """/dev/kvm keeps the owner and the mode that it has on the host. Here the engine gets nodes of its own."""

    @classmethod
    def setUpClass(cls):
        cls.engine = stage()

    def node(self, name, group, mode):
        """Beside the engine's socket; the device of this machine is left as it is."""
        path = self.engine.folder / name
        os.mknod(path, 0o020000, os.stat("/dev/kvm").st_rdev)
        os.chown(path, 0, group)
        os.chmod(path, mode)
        self.addCleanup(path.unlink)
        return f"--device={path}:/dev/kvm"

    @needs_hypervisor
    def test_a_group_lets_another_user_in(self):
        node = self.node("group", 7777, 0o660)
        with Served(node, *BARE, *OTHER, "--group-add=7777") as served:
            self.assertEqual(served.ask("multiply 7 by 6")["status"], "completed")
            self.assertIn("isolation: microvm", served.said())
        done = self.engine.docker("run", "--rm", node, *OTHER, IMAGE, check=False)
        self.assertIn("cannot open /dev/kvm (owner: uid 0, group: gid 7777, mode: 0660) as uid 1234: Permission denied",
                      done.stderr)
        self.assertIn("--group-add=7777", done.stderr)
        self.assertEqual(done.returncode, 1)

    @needs_hypervisor
    def test_only_its_owner(self):
        node = self.node("owner", 0, 0o600)
        with Served(node) as served:  # root, who opens it and becomes another
            self.assertEqual(served.ask("multiply 7 by 6")["status"], "completed")
        done = self.engine.docker("run", "--rm", node, *OTHER, IMAGE, "run", "-c", "1", check=False)
        self.assertIn("mode: 0600) as uid 1234: Permission denied", done.stderr)
        self.assertIn("only its owner may open it: run as uid 0", done.stderr)
        self.assertEqual(done.returncode, 126)


def wait_for_health(served, wanted):
    end, status = time.monotonic() + GENEROUS, None
    while status != wanted and time.monotonic() < end:
        time.sleep(0.1)
        status = served.engine.inspect(served.id)["State"]["Health"]["Status"]
    return status


class Foundry(unittest.TestCase):
    """deploy/foundry, built and started as the platform would: no device, its variables, its headers."""

    SESSION = "session-1"
    PLATFORM = (*BARE[1:], "-e", "FOUNDRY_HOSTING_ENVIRONMENT=test", "-e", f"FOUNDRY_AGENT_SESSION_ID={SESSION}",
                "-e", "HOME=/home/agent", "-e", "AZURE_AI_MODEL_DEPLOYMENT_NAME=", "-v", "cloche-test-home:/home/agent")

    def setUp(self):
        self.engine = stage()
        self.engine.docker("build", "--tag", "cloche-test-foundry", "--build-arg", f"CLOCHE={IMAGE}", ROOT / "deploy/foundry")
        self.addCleanup(self.engine.docker, "volume", "rm", "--force", "cloche-test-home")

    def request(self, served, path, *words, body=None, user="user-1"):
        """(status, headers, answer)"""
        given = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body else []
        said = served.curl("--include", f"http://localhost:8088{path}", "-H", f"x-agent-user-id: {user}", *given, *words).stdout
        head, _, text = said.partition("\n\n")
        lines = head.splitlines()
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), json.loads(text)

    def test_the_request_of_the_seed_and_the_platforms(self):
        with Served(*self.PLATFORM, image="cloche-test-foundry") as served:
            answer = json.loads(self.engine.bash(CURL).stdout)
            self.assertEqual(answer["status"], "completed", answer)
            self.assertIn("Admins: Alice, Charlie", text_of(answer))
            self.assertRegex(answer["id"], r"^caresp_[0-9a-f]{16}00\w{32}$")
            self.assertIn("function_call", [item["type"] for item in answer["output"]])  # serve.items: calls
            self.assertEqual(self.request(served, "/readiness")[0], 200)
            status, headers, answer = self.request(served, "/responses", body={"input": "multiply 7 by 6"})
            self.assertEqual((status, headers["x-agent-session-id"]), (200, self.SESSION))
            name = answer["id"]
            self.assertEqual(self.request(served, f"/responses/{name}")[0], 200)
            status, headers, _ = self.request(served, f"/responses/{name}", user="user-2")
            self.assertEqual((status, headers["x-platform-error-source"]), (404, "user"))
            status, _, answer = self.request(served, "/invocations", body={"message": "multiply 7 by 6"})
            self.assertEqual(status, 200, answer)
        with Served(*self.PLATFORM, image="cloche-test-foundry") as served:  # the platform keeps the home folder
            self.assertEqual(self.request(served, f"/responses/{name}")[0], 200)


class End(unittest.TestCase):
    def setUp(self):
        self.engine = stage()

    def ask_and_stop(self, served, code):
        """`docker stop` while a request is on its way: (the answer, the exit status)."""
        answers = []
        asking = threading.Thread(target=lambda: answers.append(served.ask(f"Please run\n```python\n{code}\n```")))
        asking.start()
        end = time.monotonic() + GENEROUS
        while "cloche-worker" not in served.engine.docker("top", served.id, "-eo", "pid,comm").stdout:
            self.assertLess(time.monotonic(), end)
        time.sleep(1)  # on its way
        self.engine.docker("stop", served.id)
        asking.join(GENEROUS)
        return answers[0], self.engine.inspect(served.id)["State"]["ExitCode"]

    def test_a_turn_in_progress_is_finished(self):
        for options in (PROCESS, *([DEVICE] if hypervisor.present() else [])):
            with self.subTest(options=options), Served(*options) as served:
                answer, status = self.ask_and_stop(served, "import time; time.sleep(4); print('to the end')")
                self.assertEqual(answer["status"], "completed")
                self.assertIn("to the end", text_of(answer))
                self.assertEqual(status, 0)
                self.assertIn("stopping: turns in progress have 8000 ms to finish", served.said())

    def test_one_that_takes_too_long_is_told_before_docker_kills(self):
        with Served(*PROCESS) as served:
            answer, status = self.ask_and_stop(served, "import time; time.sleep(29)")
            self.assertNotEqual(answer.get("status"), "completed")
            self.assertEqual(status, 0)  # 137: killed
            self.assertIn("the grace time of 8000 ms is over", served.said())

    def test_the_first_process_hears_signals_before_it_serves(self):
        """One without a handler would not: Docker would kill it, with status 137, after ten seconds."""
        code = "print('runs', flush=True)\nwhile True: pass"
        with Served(*PROCESS, words=("run", "--time=100s", "-c", code), wait=False) as running:
            end = time.monotonic() + GENEROUS
            while "runs" not in running.said():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            self.engine.docker("stop", running.id)
            self.assertEqual(self.engine.inspect(running.id)["State"]["ExitCode"], 128 + 15)

    def test_health(self):
        with Served(*PROCESS, "--health-interval=1s", "--health-retries=1", "-e", "PORT=8088") as served:
            self.assertEqual(wait_for_health(served, "healthy"), "healthy")
            log = self.engine.inspect(served.id)["State"]["Health"]["Log"]
            self.assertEqual((log[-1]["ExitCode"], log[-1]["Output"]), (0, "ready: http://127.0.0.1:8088/readiness\n"))
        # a container whose server listens elsewhere: its health check finds nobody
        with Served(*PROCESS, "--health-interval=1s", "--health-retries=1", "--health-start-period=0s",
                    words=("serve", "--listen=0.0.0.0", "--port=9000", "agent.yaml")) as served:
            self.assertEqual(wait_for_health(served, "unhealthy"), "unhealthy")

    def test_responses_outlive_the_container_in_a_volume(self):
        words = ("serve", "--listen=0.0.0.0", "--store=/var/lib/cloche/responses.db", "agent.yaml")
        options = (*PROCESS, *BARE[1:], "--read-only", "--user=65532:65532", "-v", "cloche-test-state:/var/lib/cloche")
        with Served(*options, words=words) as served:
            name = served.ask("multiply 7 by 6")["id"]
        with Served(*options, words=words) as served:
            self.assertEqual(json.loads(served.curl(f"http://localhost:8088/responses/{name}").stdout)["id"], name)
        self.engine.docker("volume", "rm", "cloche-test-state")

    def test_the_container_s_memory_is_the_ceiling(self):
        if not Path("/sys/fs/cgroup/memory").exists() and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
            self.skipTest("NO CONTROL GROUP FOR MEMORY HERE")
        with Served(*PROCESS, "--memory=768m") as served:
            self.assertIn("all together at most 384 MiB, of the 768 MiB that this process may use", served.said())


class Model(BaseHTTPRequestHandler):
    """A server of the chat-completions protocol that has one answer."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "By TLS."}}]}).encode()
        self.send_response(200 if self.path.endswith("/chat/completions") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ModelServer(unittest.TestCase):
    """The libraries and the certificates that the image brings: a model by https, by our filter too."""

    def setUp(self):
        self.engine = stage()

    def certificates(self, folder):
        for words in (["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj",
                       "/CN=test authority", "-days", "2"],
                      ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj",
                       "/CN=model.test", "-addext", "subjectAltName=DNS:model.test"],
                      ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                       "server.crt", "-days", "2", "-copy_extensions", "copy"]):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
        os.chmod(folder, 0o755)

    def test_https(self):
        with tempfile.TemporaryDirectory() as folder:
            self.certificates(folder)
            # in the engine's network: a socket belongs to the network in which it was made
            with open(f"/proc/{self.engine.inside}/ns/net") as theirs, open("/proc/thread-self/ns/net") as ours:
                enter(theirs)
                try:
                    server = ThreadingHTTPServer(("0.0.0.0", 0), Model)
                finally:
                    enter(ours)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{folder}/server.crt", f"{folder}/server.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            gateway = json.loads(self.engine.docker("network", "inspect", "bridge").stdout)[0]["IPAM"]["Config"][0]
            base = gateway.get("Gateway") or re.sub(r"\.\d+/\d+$", ".1", gateway["Subnet"])
            model = ("-e", f"OPENAI_BASE_URL=https://model.test:{server.server_port}/v1", "-e", "OPENAI_API_KEY=sk-test-12345678",
                     f"--add-host=model.test:{base}")
            trusted = f"--volume={folder}/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro"
            for options in ((), (*OURS, *BARE, *OTHER)):
                with self.subTest(options=options), Served(*PROCESS, *model, trusted, *options) as served:
                    answer = served.ask("Hello")
                    self.assertEqual((answer["status"], text_of(answer)), ("completed", "By TLS."))
            with Served(*PROCESS, *model) as served:  # whom the image's own authorities do not know
                self.assertNotEqual(served.ask("Hello").get("status"), "completed")
                self.assertRegex(served.said(), r"(?i)certificate")


def enter(namespace):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


if __name__ == "__main__":
    unittest.main()
