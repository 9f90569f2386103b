"""A whole request, from the client's POST to its answer, by two hosts of agents: ours by both walls, and Agent
Framework's own. The model is the tests' model server, which asks for one run of code and then says what came of it,
so each request is two calls of the model and one run. The hosts are asked in turns."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import pss_mib, row

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REQUESTS, WARM_UP, STARTS = 300, 30, 5
READY = 60  # seconds that a host may take to be ready
BODY = json.dumps({"input": "```python\nprint(6 * 7)\n```"})
AGENT = """name: bench
model: {kind: responses, base_url: MODEL, name: bench, api_key: none}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Model:
    def __enter__(self):
        self.process = subprocess.Popen(["node", ROOT / "tests/e2e/model-server/server.mjs"], stdout=subprocess.PIPE,
                                        text=True)
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Host:
    """A host of an agent that is started, asked and stopped."""

    def __init__(self, name, words, environment=None, peer=False):
        self.name, self.words, self.environment = name, words, {**os.environ, **(environment or {})}
        self.peer, self.starts, self.samples = peer, [], []
        self.wall = None  # of a peer: what it says that holds the code

    def start(self):
        port = free_port()
        start = time.perf_counter()
        self.process = subprocess.Popen([*self.words, str(port)], env=self.environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        while True:
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY)
                self.connection.request("GET", "/readiness")
                if self.connection.getresponse().read() is not None:
                    break
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.perf_counter() - start > READY:
                    sys.exit(f"bench: {self.name} does not start: {' '.join(map(str, self.words))}")
                time.sleep(0.002)
        self.ask()
        if self.peer:
            self.wall = self.process.stdout.readline().strip()
        self.starts.append((time.perf_counter() - start) * 1e6)

    def ask(self):
        start = time.perf_counter()
        self.connection.request("POST", "/responses", BODY, {"Content-Type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())
        took = (time.perf_counter() - start) * 1e6
        if answer["status"] != "completed" or "42" not in json.dumps(answer["output"][-1]):
            sys.exit(f"bench: {self.name} answers {answer}")
        return took

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def rows_of(host, memory):
    return [row(f"{host.name}: start to first answer", "us", host.starts),
            row(f"{host.name}: whole request", "us", host.samples),
            row(f"{host.name}: memory", "MiB", [memory])]


def measured(build, framework):
    """Rows of the hosts; framework: the Python that has Agent Framework, or None."""
    with Model() as model, tempfile.TemporaryDirectory() as folder:
        agent = Path(folder, "agent.yaml")
        agent.write_text(AGENT.replace("MODEL", model.url))
        hosts = [Host(f"Cloche, {wall}", [f"{build}/cloche", "serve", f"--isolation={wall}", agent, "--port"])
                 for wall in ("microvm", "process")]
        if framework:
            hosts.append(Host("Agent Framework", [framework, HERE / "peers/agent_framework/serve.py"],
                              {"OPENAI_BASE_URL": model.url, "OTEL_SDK_DISABLED": "true"}, peer=True))
        for turn in range(STARTS):
            for host in hosts:
                host.start()
                if turn < STARTS - 1:
                    host.stop()
        try:
            for turn in range(WARM_UP + REQUESTS):
                for host in hosts:
                    took = host.ask()
                    if turn >= WARM_UP:
                        host.samples.append(took)
            rows = [one for host in hosts for one in rows_of(host, pss_mib(host.process.pid))]
            return rows + [{"name": host.name, "wall": host.wall} for host in hosts if host.wall]
        finally:
            for host in hosts:
                host.stop()
