"""`cloche serve` and the embedding example, asked over HTTP as curl would."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build"))
EXAMPLE = ROOT / "examples" / "hyperlight-codeact"
QUESTION = ("Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and "
            "multiplication result. Use execute_code with call_tool(...).")
GENEROUS = 120
# What would choose a real model must not leak into a test.
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}


class Host:
    """A server on a free port, for a with statement."""

    def __init__(self, *words, env=None, ready=r"listening on (http://\S+)"):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(words, stderr=self.log, env={**CLEAN, **(env or {})}, cwd=ROOT)
        deadline = time.monotonic() + GENEROUS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(ready, self.said())
            if found:
                self.url = found.group(1)
                return
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError("the host did not start: " + self.said())

    def said(self):
        self.log.seek(0)
        return self.log.read()

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


def types(response):
    return [item["type"] for item in response["output"]]


def answer(response):
    return response["output"][-1]["content"][0]["text"]


@unittest.skipUnless(os.access("/dev/kvm", os.R_OK | os.W_OK), "NO /dev/kvm HERE")
class Serve(unittest.TestCase):
    def check_example(self, response):
        self.assertEqual(response["status"], "completed", response)
        self.assertEqual(types(response), ["function_call", "function_call_output", "message"])
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

    def test_the_embedding_example(self):
        env = {"CLOCHE_SCRIPT": str(EXAMPLE / "offline.yaml"), "PORT": "18088",
               "CLOCHE_IMAGE": str(BUILD / "python.image")}
        with Host(str(BUILD / "examples" / "embed"), env=env) as host:
            self.check_example(host.ask(QUESTION))

    def test_the_figures_come_from_the_tools(self):
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "tools.c"), Path(folder, "tools.so")
            source.write_text((EXAMPLE / "tools.c").read_text().replace("Charlie", "Zoe"))
            subprocess.run(["gcc", "-shared", "-fPIC", f"-I{ROOT}/include", "-o", library, source, "-lm"],
                           check=True)
            with serve({"CLOCHE_EXAMPLE_TOOLS": str(library)}) as host:
                text = answer(host.ask(QUESTION))
        self.assertIn("Zoe", text)
        self.assertNotIn("Charlie", text)

    def test_fenced_python_in_the_message_is_run(self):
        with serve() as host:
            text = answer(host.ask("Please run\n```python\nprint(2 ** 100)\n```\nfor me"))
        self.assertIn(str(2 ** 100), text)

    def test_many_at_once_one_of_them_for_ever(self):
        loop = "```python\nwhile True: pass\n```"
        with serve() as host, concurrent.futures.ThreadPoolExecutor(33) as pool:
            endless = pool.submit(host.ask, loop)
            time.sleep(0.5)
            start = time.monotonic()
            others = [pool.submit(host.ask, f"```python\nprint({n} * {n})\n```") for n in range(31)]
            for n, other in enumerate(others):
                self.assertIn(str(n * n), answer(other.result(GENEROUS)))
            self.assertFalse(endless.done(), f"after {time.monotonic() - start:.1f} s")
            self.assertIn("limit", answer(endless.result(GENEROUS)))

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
        with Host(*words, "best", agent) as host:
            self.assertRegex(host.said(), "jail around worker processes: (?!user)")
            self.check_example(host.ask(QUESTION))

    def test_it_stops_on_sigterm(self):
        host = serve()
        with host:
            host.ask("```python\n1\n```")
        self.assertEqual(host.process.returncode, 0, host.process.returncode)


if __name__ == "__main__":
    unittest.main()
