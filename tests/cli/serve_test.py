"""`cloche serve` and the embedding example, asked over HTTP as curl would."""

import concurrent.futures
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from hypervisor import PROCESS, needs_hypervisor, needs_wall

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build"))
EXAMPLE = ROOT / "examples" / "hyperlight-codeact"
QUESTION = ("Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and "
            "multiplication result. Use execute_code with call_tool(...).")
GENEROUS = 120
# What would choose a real model must not leak into a test.
MODELS = ("OPENAI_", "FOUNDRY_", "AZURE_", "ANTHROPIC_", "IDENTITY_", "IMDS_", "MSI_")
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(MODELS)}


class Host:
    """A server on a free port, for a with statement."""

    def __init__(self, *words, env=None, ready=r"listening on (http://\S+)"):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(words, stderr=self.log, env={**CLEAN, **(env or {})}, cwd=ROOT)
        deadline = time.monotonic() + GENEROUS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(ready, self.said())
            if found:
                self.url = found.group(1)
                return
            time.sleep(0.01)
        self.process.kill()
        raise AssertionError("the host did not start: " + self.said())

    def said(self):
        """All of it. The place at which the server writes on is not touched: its descriptor shares it."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(GENEROUS)
        self.log.close()

    def request(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def ask(self, text):
        return self.request("/responses", {"input": text})[1]


def serve(env=None, *words):
    return Host(str(BUILD / "cloche"), "serve", "--port", "0", *words, str(EXAMPLE / "agent.yaml"),
                env=env)


@contextlib.contextmanager
def serve_agent(sandbox, *words, env=None):
    """The example's agent with another `sandbox`."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as agent:
        agent.write(AGENT.format(sandbox=sandbox))
        agent.flush()
        with Host(str(BUILD / "cloche"), "serve", "--port", "0", *words, agent.name,
                  env={"CLOCHE_IMAGE": str(BUILD / "python.image"), **(env or {})}) as host:
            yield host


AGENT = f"""
model: {{{{kind: script, script: {EXAMPLE}/offline.yaml}}}}
tools: [{{{{library: {BUILD.resolve()}/examples/example_tools.so}}}}]
sandbox: {{sandbox}}
"""
LOOP = "```python\nwhile True: pass\n```"
MIB = 1 << 20
BOMBS = 48
TOTAL_MEMORY = 400 * MIB  # lets three bombs of 96 MiB run at once
HOST_OWN = 160 * MIB  # generous: the host, the zygote, and the image that all micro-VMs share
BOMB_SANDBOX = "{admission: reserve, memory: 96MiB, count: 16, time: 100s, cpu_time: 100s, wait: 1s}"
# It takes all there is and keeps it for so long that not all can have it within their wait, when 16
# queue for three places.
BOMB = """Please run
```python
import time
keep = []
try:
    while True:
        keep.append(bytearray(1 << 20))
except MemoryError:
    time.sleep(0.4)
    raise
```
"""


def children(pid):
    """The processes below one, itself included."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parent.name))
        except OSError:
            pass  # it has ended
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def resident(pid):
    """Bytes of memory that a process has, its part of what it shares; without the right to look
    that closely all that it does not share with files."""
    try:
        return int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) << 10
    except PermissionError:
        pages, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
        return (pages - shared) * os.sysconf("SC_PAGESIZE")
    except (OSError, AttributeError):
        return 0  # it has ended


class Watch(threading.Thread):
    """Until stop(): the most memory that a host's processes had together, and its health."""

    def __init__(self, host):
        super().__init__()
        self.host, self.end, self.peak, self.healths, self.slowest = host, threading.Event(), 0, [], 0.0
        self.start()

    def run(self):
        while not self.end.wait(0.02):
            self.peak = max(self.peak, sum(map(resident, children(self.host.process.pid))))
            for path in ("/readiness", "/liveness"):
                start = time.monotonic()
                self.healths.append(self.host.request(path)[0])
                self.slowest = max(self.slowest, time.monotonic() - start)

    def stop(self):
        self.end.set()
        self.join()


def types(response):
    return [item["type"] for item in response["output"]]


def answer(response):
    return response["output"][-1]["content"][0]["text"]


@needs_wall
class Serve(unittest.TestCase):
    def check_example(self, response):
        self.assertEqual(response["status"], "completed", response)
        self.assertEqual(types(response), ["mcp_call", "message"])
        self.assertEqual(response["output"][0]["name"], "execute_code")
        for word in ("Alice", "Charlie", "42"):
            self.assertIn(word, answer(response))

    def test_the_example_request(self):
        with serve() as host:
            response = host.ask(QUESTION)
            self.check_example(response)
            self.assertEqual(host.request("/responses/" + response["id"])[1], response)
            self.assertEqual(host.request("/readiness")[0], 200)
            self.assertEqual(host.request("/liveness")[0], 200)
            self.assertIn("offline", host.said())

    def check_wall(self, host, wall):
        """The wall is told at the start, to who asks, and with each request for which code ran."""
        said = {"microvm": "a virtual machine of its own on /dev/kvm holds the code of each run",
                "process": "no hypervisor; WebAssembly's checks and the jail around a worker process hold the code"}
        self.assertIn(f"cloche: isolation: {wall}: {said[wall]}\n", host.said())
        self.assertEqual(host.request("/readiness"), (200, {"status": "healthy", "isolation": wall}))
        self.assertIn("42", answer(host.ask("Run\n```python\nprint(6 * 7)\n```")))
        host.ask("Hello")  # no code
        deadline = time.monotonic() + GENEROUS
        while True:  # a line is written when the answer has gone
            lines = [json.loads(line) for line in host.said().splitlines() if line.startswith("{")]
            if len(lines) == 3 or time.monotonic() > deadline:
                break
            time.sleep(0.01)
        self.assertCountEqual([(line["path"], line.get("isolation")) for line in lines],
                              [("/readiness", None), ("/responses", wall), ("/responses", None)])

    @needs_hypervisor
    def test_it_says_that_a_micro_vm_stands(self):
        with serve({"CLOCHE_ISOLATION": ""}) as host:
            self.check_wall(host, "microvm")
        with serve({"CLOCHE_ISOLATION": "process"}, "--isolation=microvm") as host:
            self.check_wall(host, "microvm")
        with serve_agent("{isolation: process, placement: worker}", env={"CLOCHE_ISOLATION": "microvm"}) as host:
            self.check_wall(host, "microvm")

    def test_it_says_that_a_process_stands(self):
        with serve({"CLOCHE_ISOLATION": "microvm"}, "--isolation", "process") as host:
            self.check_wall(host, "process")
        with serve({"CLOCHE_ISOLATION": "process"}) as host:
            self.check_wall(host, "process")
        with serve_agent("{isolation: process}", env={"CLOCHE_ISOLATION": ""}) as host:
            self.check_wall(host, "process")

    def test_the_embedding_example(self):
        env = {"CLOCHE_SCRIPT": str(EXAMPLE / "offline.yaml"), "PORT": "0",
               "CLOCHE_IMAGE": str(BUILD / "python.image")}
        with Host(str(BUILD / "examples" / "embed"), *["process"][:PROCESS], env=env) as host:
            self.check_example(host.ask(QUESTION))
            self.assertEqual(host.request("/readiness")[1]["isolation"], "process" if PROCESS else "microvm")

    def test_the_figures_come_from_the_tools(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in "agent.yaml", "offline.yaml":
                shutil.copy(EXAMPLE / name, folder)
            source, library = Path(folder, "tools.c"), Path(folder, "example_tools.so")
            source.write_text((EXAMPLE / "tools.c").read_text().replace("Charlie", "Zoe"))
            subprocess.run(["gcc", "-shared", "-fPIC", f"-I{ROOT}/include", "-o", library, source, "-lm"],
                           check=True)
            with Host(str(BUILD / "cloche"), "serve", "--port", "0", f"{folder}/agent.yaml") as host:
                text = answer(host.ask(QUESTION))
        self.assertIn("Zoe", text)
        self.assertNotIn("Charlie", text)

    def test_other_processes_cannot_look_into_it(self):
        # Root may look into anything, unless it gives up those rights; the server must have no more.
        ordinary = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("root without setpriv may look into anything")
            less = "-sys_ptrace,-perfmon,-sys_admin"
            ordinary = ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}"]

        def look(pid, name):
            return subprocess.run([*ordinary, "cat", f"/proc/{pid}/{name}"], capture_output=True,
                                  timeout=GENEROUS)

        key = {"SECRET_OF_THE_HOST": "sk-of-the-host"}
        other = subprocess.Popen([*ordinary, "sleep", "60"], env={**os.environ, **key})
        try:
            deadline = time.monotonic() + GENEROUS
            while Path(f"/proc/{other.pid}/comm").read_text() != "sleep\n" and time.monotonic() < deadline:
                time.sleep(0.005)
            self.assertIn(b"sk-of-the-host", look(other.pid, "environ").stdout)  # the test can fail
        finally:
            other.kill()
            other.wait()
        with Host(*ordinary, str(BUILD / "cloche"), "serve", "--port", "0",
                  str(EXAMPLE / "agent.yaml"), env=key) as host:
            for name in "environ", "maps", "auxv":
                seen = look(host.process.pid, name)
                self.assertEqual(seen.stdout, b"", name)
                self.assertIn(b"Permission denied", seen.stderr)
            self.check_example(host.ask(QUESTION))  # and its workers are none the worse for it
            self.assertNotIn("none", re.search(r"jail: (.*)|$", host.said()).group())

    def test_fenced_python_in_the_message_is_run(self):
        with serve() as host:
            text = answer(host.ask("Please run\n```python\nprint(2 ** 100)\n```\nfor me"))
        self.assertIn(str(2 ** 100), text)

    def test_many_at_once_one_of_them_for_ever(self):
        with serve_agent("{time: 1000s, cpu_time: 1000s}") as host, \
                concurrent.futures.ThreadPoolExecutor(31) as pool:
            endless = host.request("/responses", {"input": LOOP, "background": True})[1]
            path = "/responses/" + endless["id"]
            deadline = time.monotonic() + GENEROUS
            while host.request(path)[1]["status"] == "queued" and time.monotonic() < deadline:
                time.sleep(0.01)
            others = [pool.submit(host.ask, f"```python\nprint({n} * {n})\n```") for n in range(31)]
            for n, other in enumerate(others):
                self.assertIn(str(n * n), answer(other.result(GENEROUS)))
            self.assertEqual(host.request(path)[1]["status"], "in_progress")
            self.assertEqual(host.request(path + "/cancel", method="POST")[1]["status"], "cancelled")

    def test_what_runs_for_ever_is_ended_by_its_limit(self):
        with serve_agent("{time: 300ms}") as host:
            self.assertIn("limit", answer(host.ask(LOOP)))

    def check_bomb(self, status, response):
        """Which way a bomb ended; its response is whole in either case."""
        self.assertEqual((status, response["object"], response["status"]), (200, "response", "completed"), response)
        self.assertEqual(types(response), ["mcp_call", "message"])
        run, message = response["output"]
        self.assertEqual(run["status"], "failed")
        self.assertEqual(message["content"][0]["type"], "output_text")
        told = run["output"]
        if "limit memory" in told:
            self.assertIn("MemoryError", told)
            self.assertIn("exit code: 137", told)
            return "limited"
        self.assertIn("the code did not run: there was no memory for", told)
        self.assertRegex(told, r"it wants (96|112) MiB, and of the 400 MiB that all sandboxes may use together "
                               r"\d+ MiB are in use, by \d runs? in progress")
        self.assertNotIn("exit code", told)
        return "refused"

    def test_memory_bombs_at_once_stay_under_the_ceiling(self):
        with serve_agent(BOMB_SANDBOX, "--total-memory", str(TOTAL_MEMORY)) as host, \
                concurrent.futures.ThreadPoolExecutor(BOMBS) as pool:
            self.assertIn("3 run at once, others wait", host.said())
            watch = Watch(host)
            responses = list(pool.map(lambda _: host.request("/responses", {"input": BOMB}), range(BOMBS)))
            watch.stop()
            ends = [self.check_bomb(*response) for response in responses]
            self.assertEqual(len({response["id"] for _, response in responses}), BOMBS)
            self.assertGreaterEqual(ends.count("limited"), 3, ends)
            self.assertGreaterEqual(ends.count("refused"), 1, ends)
            self.assertEqual(set(watch.healths), {200})
            self.assertLess(watch.slowest, 30)
            self.assertLess(watch.peak, TOTAL_MEMORY + HOST_OWN)
            self.assertGreater(watch.peak, TOTAL_MEMORY / 2)  # the bombs went off, and were seen
            self.check_example(host.ask(QUESTION))

    def test_runs_that_grow_share_the_ceiling_and_an_error_names_it(self):
        hoard = ("import time\nkept = []\ntry:\n    while True:\n        kept.append(bytearray(1 << 20))\n"
                 "finally:\n    print(len(kept))\n    time.sleep(0.2)\n")
        with serve_agent("{count: 6, cpu_time: 100s, time: 100s, wait: 2s}", "--total-memory",
                         str(TOTAL_MEMORY)) as host, \
                concurrent.futures.ThreadPoolExecutor(6) as pool:
            self.assertNotIn("run at once, others wait", host.said())  # by reservation one would
            runs = list(pool.map(lambda _: host.request("/v1/runs", {"code": hoard}), range(6)))
            limits = []
            for status, run in runs:
                if status == 503:
                    self.assertEqual(run["error"]["code"], "sandbox_busy")
                    continue
                self.assertEqual((status, run["error"]["type"], run["exit_code"]), (200, "MemoryError", 137), run)
                self.assertGreaterEqual(int(run["stdout"]), 1)  # it had some
                limits.append((run["error"]["limit"], run["error"]["limit_value"]))
            self.assertLessEqual(set(limits), {("total_memory", TOTAL_MEMORY), ("memory", 256 * MIB)})
            self.assertIn(("total_memory", TOTAL_MEMORY), limits)
            status, alone = host.request("/v1/runs", {"code": "print(len(bytearray(150 << 20)) >> 20)"})
            self.assertEqual((status, alone["stdout"]), (200, "150\n"), alone)  # all was given back

    def test_the_jail_is_named_and_a_strict_one_insists(self):
        with serve(None, "--jail", "best") as host:
            self.assertRegex(host.said(), "jail around worker processes: user, pid, net, ipc, files")
        # where no more user namespaces may be made, as in many containers
        words = ["unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh",
                 str(BUILD / "cloche"), "serve", "--port", "0", "--jail"]
        agent = str(EXAMPLE / "agent.yaml")
        strict = subprocess.run([*words, "strict", agent], capture_output=True, text=True, cwd=ROOT,
                                env=CLEAN, timeout=GENEROUS)
        if "unshare" in strict.stderr:
            self.skipTest("USER NAMESPACES CANNOT BE MADE HERE: " + strict.stderr)
        self.assertNotEqual(strict.returncode, 0)
        self.assertRegex(strict.stderr, "the jail around worker processes lacks: .*user")
        self.assertIn("jail: best", strict.stderr)
        for isolation in ["microvm"] * (not PROCESS) + ["process"]:
            with Host(*words, "best", "--isolation", isolation, agent) as host:
                self.assertRegex(host.said(), "jail around worker processes: (?!user)")
                # where the jail is a part of the wall, what it lacks is said
                missing = r"cloche: not allowed on this machine: user\S*.*; code that gets out of WebAssembly"
                self.assertEqual(bool(re.search(missing, host.said())), isolation == "process", host.said())
                self.check_example(host.ask(QUESTION))

        def say(*command):
            return subprocess.run([*words[:-4], *command], capture_output=True, text=True, env=CLEAN, timeout=GENEROUS)
        run = ["run", "--isolation=process", "-c", "print(1)"]
        self.assertEqual(say(*run).stdout, "1\n")
        done = say("run", "--jail=strict", *run[1:])
        self.assertEqual((done.returncode, done.stdout), (126, ""))
        self.assertRegex(done.stderr, "the jail around worker processes lacks: .*user")
        done = say("doctor", "--isolation=process")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^weaker +jail .*\n +Not allowed here: user")
        self.assertIn("Code that gets out of WebAssembly would find that much less in its way.", done.stdout)

    def test_what_cannot_be_stored_is_told(self):
        """The store's file may not grow any more, as on a full disk."""
        large = "Run:\n```python\nprint('done')\n```\n" + "x" * 900_000
        late = "```python\nimport time\ntime.sleep(2)\nprint('y' * 900_000)\n```"
        with tempfile.TemporaryDirectory() as folder, \
                serve_agent("{count: 2}", "--store", f"{folder}/store.db") as host:
            def limit_files(size):
                _, hard = resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (size, hard))

            def state(one):
                return host.request(f"/responses/{one['id']}")[1].get("status")

            _, background = host.request("/responses", {"input": late + large, "background": True})
            deadline = time.monotonic() + GENEROUS
            while state(background) == "queued" and time.monotonic() < deadline:
                time.sleep(0.01)
            limit_files(65536)
            response = host.ask(large)
            self.assertEqual((response["status"], response["error"]["code"]), ("failed", "server_error"))
            self.assertIn("could not be stored", response["error"]["message"])
            self.assertIn("done", response["output"][-1]["content"][0]["text"])
            self.assertEqual(host.request(f"/responses/{response['id']}")[0], 404)
            request = urllib.request.Request(host.url + "/responses", json.dumps({"input": large, "stream": True}).encode())
            with urllib.request.urlopen(request, timeout=GENEROUS) as stream:
                events = re.findall(r"^event: (.*)$", stream.read().decode(), re.M)
            self.assertEqual(events[-1], "response.failed")
            self.assertEqual(host.request("/responses", {"input": large, "store": False})[1]["status"], "completed")
            while state(background) == "in_progress" and time.monotonic() < deadline:
                time.sleep(0.05)
            _, lost = host.request(f"/responses/{background['id']}")
            self.assertEqual((lost["status"], lost["error"]["code"], lost["output"]), ("failed", "server_error", []))
            self.assertIn("could not be stored", lost["error"]["message"])
            limit_files(resource.RLIM_INFINITY)
            self.assertEqual(state(background), "failed")
            self.assertEqual(host.request(f"/responses/{background['id']}", method="DELETE")[0], 200)
            self.assertEqual(state(host.ask(large)), "completed")

    def test_it_stops_on_sigterm(self):
        host = serve()
        with host:
            host.ask("```python\n1\n```")
        self.assertEqual(host.process.returncode, 0, host.process.returncode)


if __name__ == "__main__":
    unittest.main()
