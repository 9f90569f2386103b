"""Code of the client's own: POST /runs of the real server, and runs that are the same again."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

from hypervisor import PROCESS, needs_hypervisor, needs_wall, present
from serve_test import BUILD, GENEROUS, serve_agent

CLOCHE = str(BUILD / "cloche")
SANDBOX = "{time: 30s, memory: 96MiB, count: 4, tool_time: apart}"
NOON = {"seed": 7, "clock": "2026-07-01T10:00:00Z", "timezone": "Europe/Berlin"}
EVERYTHING = """
import datetime, hashlib, os, random, secrets, tempfile, time, uuid, zipfile
print(time.time(), time.monotonic(), datetime.datetime.now().astimezone(), time.localtime())
print(random.random(), secrets.token_hex(4), os.urandom(4), uuid.uuid4(), uuid.uuid1(), tempfile.mktemp())
time.sleep(0.01)
print(time.perf_counter(), time.process_time(), object(), {"a", "b", "c"})
for folder in "/output", "/tmp":
    print(os.stat(folder))
    with zipfile.ZipFile(f"{folder}/x.zip", "w") as archive:
        archive.writestr("a", "b")
        print(archive.infolist())
    os.mkdir(f"{folder}/d")
    print(os.stat(f"{folder}/x.zip"), os.stat(f"{folder}/d"), os.stat(folder), hashlib.sha256(open(f"{folder}/x.zip", "rb").read()).hexdigest())
"""


class Stream:
    """A streamed run, event by event."""

    def __init__(self, url, body):
        where = urlparse(url)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
        self.connection.request("POST", "/v1/runs", json.dumps({**body, "stream": True}))
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.comments = 0

    def __iter__(self):
        kind = None
        for line in self.answer:
            line = line.decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line.startswith("event: "):
                kind = line[7:]
            elif line == "data: [DONE]":
                self.close()
                return
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                assert data["type"] == kind, (kind, data)
                yield data
        raise AssertionError("the stream ended without [DONE]")

    def close(self):
        self.answer.close()
        self.connection.close()


def log(host):
    return [json.loads(line) for line in host.said().splitlines() if line.startswith("{")]


def wait_until(look, what):
    deadline = time.monotonic() + GENEROUS
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.02)


@needs_wall
class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = serve_agent(SANDBOX)
        cls.host = cls.context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def run_code(self, code, **more):
        status, answer = self.host.request("/v1/runs", {"code": code, **more})
        self.assertEqual(status, 200, answer)
        return answer

    def refused(self, status, kind, param, words, **body):
        got, answer = self.host.request("/v1/runs", body)
        error = answer["error"]
        self.assertEqual((got, error["code"], error["param"]), (status, kind, param), error)
        self.assertIn(words, error["message"])
        self.assertEqual(error["type"], "invalid_request_error")

    def test_gives_what_cloche_run_gives(self):
        code = "import sys\nprint('out', sys.argv, sys.stdin.read())\nsys.stderr.write('err')\n6 * 7"
        answer = self.run_code(code, name="x.py", arguments=["a", "é"], stdin="in")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "x.py").write_text(code)
            done = subprocess.run([CLOCHE, "run", "--json", "x.py", "a", "é"], input="in", text=True, cwd=folder,
                                  capture_output=True, timeout=GENEROUS,
                                  env={**os.environ, "CLOCHE_IMAGE": str((BUILD / "python.image").resolve())})
        direct = json.loads(done.stdout)
        self.assertRegex(answer.pop("id"), "^run_[0-9a-f]{32}$")
        self.assertEqual(answer.pop("object"), "run")
        self.assertAlmostEqual(answer.pop("created_at"), time.time(), delta=GENEROUS)
        self.assertEqual(list(answer), list(direct))
        for one in answer, direct:
            self.assertEqual(one["usage"].pop("isolation"), "process" if PROCESS else "microvm")
            for name in "wall_us", "cpu_us", "memory_peak":
                one["usage"].pop(name)
        self.assertEqual(answer, direct)
        self.assertEqual((answer["stdout"], answer["result"]), ("out ['x.py', 'a', 'é'] in\n", "42"))

    def test_what_the_code_does_wrong_is_no_http_error(self):
        answer = self.run_code("print('in')\n1 / 0")
        self.assertEqual((answer["exit_code"], answer["error"]["type"], answer["error"]["line"]),
                         (1, "ZeroDivisionError", 2))
        answer = self.run_code("while True: pass", limits={"wall_ms": 200})
        self.assertEqual((answer["exit_code"], answer["error"]["limit"], answer["error"]["limit_value"]),
                         (124, "wall_ms", 200))
        answer = self.run_code("x = bytearray(90 << 20)", limits={"memory": 64 << 20})
        self.assertEqual(answer["error"]["type"], "MemoryError")
        answer = self.run_code("print('x' * 1000)", limits={"output": 10})
        self.assertEqual((answer["stdout"], answer["error"]["limit"]), ("x" * 10, "output"))
        self.assertEqual(self.run_code("input()")["error"]["type"], "EOFError")

    def test_tools(self):
        code = "print(len(call_tool('fetch_data', table='users')))"
        self.assertEqual(self.run_code(code)["stdout"], "3\n")
        self.assertEqual(self.run_code(code, tools=True)["stdout"], "3\n")
        answer = self.run_code(code, tools=False)
        self.assertEqual((answer["error"]["type"], answer["error"]["message"]), ("ToolError", "this run has no tools"))
        self.assertEqual(self.run_code("'fetch_data' in globals()", tools=False)["result"], "False")

    def test_repair_is_asked_for(self):
        code = "```python\nprint(1)\n```"
        answer = self.run_code(code, repair=True)
        self.assertEqual(answer["stdout"], "1\n")
        self.assertIn("fence", answer["note"])
        self.assertEqual(self.run_code(code)["error"]["type"], "SyntaxError")

    def test_isolation_is_what_there_is(self):
        wall, other = ("process", "microvm") if PROCESS else ("microvm", "process")
        self.assertEqual(self.run_code("1", isolation=wall)["usage"]["isolation"], wall)
        self.refused(400, "invalid_value", "isolation", f"--isolation={other}", code="1", isolation=other)

    def test_limits_are_lowered_never_raised(self):
        self.refused(400, "invalid_value", "limits.wall_ms", "more than this agent's 30000", code="1",
                     limits={"wall_ms": 30001})
        self.refused(400, "invalid_value", "limits.memory", "more than this agent's", code="1",
                     limits={"memory": 97 << 20})
        self.refused(400, "invalid_value", "limits.tool_ms", "more than", code="1", limits={"tool_ms": 1 << 40})
        self.refused(400, "invalid_value", "limits", "limit memory is 1 bytes", code="1", limits={"memory": 1})

    def test_what_is_wrong_is_named(self):
        self.refused(400, "missing_required_parameter", "code", "'code'")
        self.refused(400, "unknown_parameter", "timeout", "limits", code="1", timeout=3)
        self.refused(400, "invalid_value", "timezone", "write a name of the IANA database", code="1", timezone="a b")
        self.refused(400, "invalid_value", None, 'timezone "Mars/Olympus"', code="1", timezone="Mars/Olympus")
        self.refused(400, "invalid_value", "clock", "1970 to 2261", code="1", clock="1969-01-01T00:00:00Z")
        self.refused(400, "string_above_max_length", "code", "4194304", code="#" * (4 << 20) + "1")
        self.assertEqual(self.host.request("/v1/runs", method="GET")[0], 405)
        self.assertEqual(self.host.request("/v1/runs/run_1", method="GET")[0], 405)
        # and nothing of it broke a sandbox
        self.assertEqual(self.run_code("1 + 1")["result"], "2")

    def test_output_comes_as_it_is_printed(self):
        stream = Stream(self.host.url, {"code": "import sys\nprint('first', 1, 'é')\nfor x in sys.stdin: print(x)\n"
                                                "import time\ntime.sleep(1)\nprint('second', file=sys.stderr)\n7",
                                        "stdin": "a"})
        self.assertEqual((stream.status, stream.answer.getheader("Content-Type")),
                         (200, "text/event-stream; charset=utf-8"))
        events, arrived = [], {}
        for event in stream:
            events.append(event)
            arrived.setdefault(event.get("stream"), time.monotonic())
        stream.close()
        self.assertEqual([event["sequence_number"] for event in events], list(range(len(events))))
        self.assertEqual((events[0]["type"], events[-1]["type"]), ("run.created", "run.completed"))
        self.assertEqual({event["type"] for event in events[1:-1]}, {"run.output"})
        run = events[-1]["run"]
        for name in "stdout", "stderr":
            self.assertEqual("".join(event["text"] for event in events if event.get("stream") == name), run[name])
        self.assertEqual((run["stdout"], run["stderr"], run["result"]), ("first 1 é\na\n", "second\n", "7"))
        self.assertEqual(run["id"], events[0]["run"]["id"])
        self.assertGreater(arrived["stderr"] - arrived["stdout"], 0.5)  # printed a second apart
        self.assertLess(len(events), 9)  # what prints write is put together

    def test_a_long_output_streams_whole(self):
        code = "for i in range(20000): print('é' * 10, i)"
        stream = Stream(self.host.url, {"code": code})
        events = list(stream)
        text = "".join(event["text"] for event in events if event["type"] == "run.output")
        self.assertEqual(text, "".join(f"{'é' * 10} {i}\n" for i in range(20000)))
        self.assertEqual(text, events[-1]["run"]["stdout"])

    def test_a_slow_reader_does_not_slow_the_run(self):
        stream = Stream(self.host.url, {"code": "for i in range(9000): print('x' * 99)\nimport time\nt = time.process_time()"})
        time.sleep(2)  # far more is printed than the connection takes
        events = list(stream)
        self.assertIsNone(events[-1]["run"]["error"])
        self.assertEqual(len(events[-1]["run"]["stdout"]), 900000)

    def test_failures_of_a_stream_are_its_last_event(self):
        stream = Stream(self.host.url, {"code": "1", "timezone": "Mars/Olympus"})
        events = list(stream)
        self.assertEqual([event["type"] for event in events], ["run.created", "error"])
        self.assertEqual(events[-1]["code"], "invalid_value")
        self.assertIn("Mars/Olympus", events[-1]["error"]["message"])
        stream = Stream(self.host.url, {"code": "1", "limits": {"wall_ms": 1 << 40}})
        self.assertEqual(stream.status, 400)  # known before it begins
        stream.close()

    def test_the_kernel_asks_whether_the_client_is_there(self):
        where = urlparse(self.host.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
        connection.request("POST", "/v1/runs", json.dumps({"code": "import time\ntime.sleep(2)"}))
        mine = connection.sock.getsockname()[1]
        time.sleep(0.5)
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if (int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)) == (where.port, mine):
                self.assertEqual(fields[5][:2], "02")  # the timer of keep-alive (proc_net_tcp.txt)
                break
        else:
            self.fail("the server's end of the connection is not in /proc/net/tcp")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_a_client_that_leaves_ends_its_run(self):
        for body in {}, {"stream": True}:
            where = urlparse(self.host.url)
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
            mark = f"leaver-{time.monotonic_ns()}"
            code = "import time\nprint('in')\ntime.sleep(25)"
            connection.request("POST", "/v1/runs", json.dumps({"code": code, **body}), {"x-request-id": mark})
            time.sleep(0.5)
            start = time.monotonic()
            connection.close()
            connection.sock = None
            lines = lambda: [line for line in log(self.host) if line.get("request") == mark]
            wait_until(lines, "the run did not end with its client")
            self.assertIn(lines()[0]["outcome"], ("client_gone", "cancelled", "failed"))
            self.assertLess(time.monotonic() - start, 15)
        # all four sandboxes are free again: four such runs at once end in their time
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: self.run_code("import time\ntime.sleep(0.5)\n1"), range(4)))
        self.assertEqual([answer["result"] for answer in answers], ["1"] * 4)

    def test_log(self):
        before = len(log(self.host))
        answer = self.run_code("secret_word = 1")
        wait_until(lambda: len(log(self.host)) > before, "no line")
        line = next(line for line in log(self.host) if line.get("response") == answer["id"])
        self.assertEqual((line["method"], line["path"], line["status"], line["outcome"], line["isolation"]),
                         ("POST", "/runs", 200, "completed", "process" if PROCESS else "microvm"))
        self.assertNotIn("secret_word", self.host.said())

    def upload(self, name, content):
        boundary = "cut-here"
        body = (f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n').encode()
        where = urlparse(self.host.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
        connection.request("POST", "/v1/files", body + content + f"\r\n--{boundary}--\r\n".encode(),
                           {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        answer = json.load(connection.getresponse())
        connection.close()
        return answer["id"]

    def test_files_stand_below_input(self):
        code = ("import os\nfor folder, _, names in sorted(os.walk('/input')):\n"
                "    for name in sorted(names):\n        print(os.path.join(folder, name), open(os.path.join(folder, name)).read())")
        first, second = self.upload("sales.csv", b"a,b\n1,2"), self.upload("sales.csv", b"c")
        answer = self.run_code(code, files=[first, second, {"id": self.upload("x", b"y"), "path": "deep/er/x.txt"}])
        self.assertEqual(answer["stdout"], "/input/sales (2).csv c\n/input/sales.csv a,b\n1,2\n/input/deep/er/x.txt y\n")
        self.assertEqual([file["path"] for file in answer["files"]],
                         ["/input/sales.csv", "/input/sales (2).csv", "/input/deep/er/x.txt"])
        answer = self.run_code(code, files=[{"id": first, "path": "/input/other.csv"}])
        self.assertEqual(answer["stdout"], "/input/other.csv a,b\n1,2\n")
        self.assertEqual(self.run_code("import os; os.path.exists('/input')")["result"], "False")  # of each run by itself
        events = list(Stream(self.host.url, {"code": code, "files": [first]}))
        self.assertEqual(events[-1]["run"]["stdout"], "/input/sales.csv a,b\n1,2\n")
        status, answer = self.host.request("/v1/runs", {"code": "1", "files": [first, "file-0"]})
        self.assertEqual((status, answer["error"]["param"]), (404, "files[1]"))
        self.assertIn("file-0", answer["error"]["message"])
        stream = Stream(self.host.url, {"code": "1", "files": ["file-0"]})
        self.assertEqual(stream.status, 404)
        stream.close()
        for path in "/etc/passwd", "../x", "a/../x", "", "/input/", "a//b", "x/.":
            self.refused(400, "invalid_value", "files[0]", "no path below /input", code="1", files=[{"id": first, "path": path}])
        for files in [{"id": first, "path": "a"}, {"id": second, "path": "a"}], [first, {"id": first, "path": "b"}], \
                [{"id": first, "path": "a"}, {"id": second, "path": "a/b"}]:
            self.refused(400, "invalid_value", "files[1]", "cannot stand at", code="1", files=files)

    def test_what_is_left_in_output_becomes_files(self):
        code = ("import os\nos.mkdir('/output/deep')\nopen('/output/deep/table.csv', 'w').write('a,b')\n"
                "open('/output/raw.bin', 'wb').write(bytes(range(256)) * 1000)\n1 / 0")
        events = list(Stream(self.host.url, {"code": code}))
        for run in self.run_code(code), events[-1]["run"]:
            self.assertEqual(run["error"]["type"], "ZeroDivisionError")  # whatever ended it
            found = {artifact["path"]: artifact for artifact in run["artifacts"]}
            self.assertEqual({path: artifact["size"] for path, artifact in found.items()},
                             {"deep/table.csv": 3, "raw.bin": 256000})
            self.assertEqual(found["deep/table.csv"]["media_type"], "text/csv")
            with urllib.request.urlopen(f"{self.host.url}/v1/files/{found['raw.bin']['file_id']}/content") as answer:
                content = answer.read()
            self.assertEqual(content, bytes(range(256)) * 1000)
            self.assertEqual(hashlib.sha256(content).hexdigest(), found["raw.bin"]["sha256"])
            # and the next run may have it
            table = found["deep/table.csv"]["file_id"]
            self.assertEqual(self.run_code("open('/input/deep/table.csv').read()", files=[table])["result"], "'a,b'")
            status, file = self.host.request(f"/v1/files/{table}")
            self.assertEqual((status, file["purpose"], file["filename"]), (200, "assistants_output", "deep/table.csv"))
            self.assertGreater(file["expires_at"], time.time())
        self.assertEqual(self.run_code("1")["artifacts"], [])
        run = self.run_code("with open('/output/x', 'w') as file: file.write('y' * 5000)", limits={"artifact_file_bytes": 1000})
        self.assertEqual((run["error"]["type"], run["artifacts_refused"]), ("OSError", "artifact_file_bytes"))

    def test_the_same_run_again(self):
        first = self.run_code(EVERYTHING, **NOON)
        again = self.run_code(EVERYTHING, **NOON)
        other = self.run_code(EVERYTHING, **{**NOON, "seed": 8})
        self.assertEqual(first["stdout"], again["stdout"])
        self.assertNotEqual(first["stdout"], other["stdout"])
        self.assertIn("2026-07-01 12:00:00.0000", first["stdout"])
        self.assertEqual(self.run_code("import time; time.time()", clock=1782900000)["result"], "1782900000.000001")
        self.assertEqual(self.run_code("import time; time.time()", clock=12.5)["result"], "12.500001")

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(24) as threads:
            answers = list(threads.map(lambda i: (i, self.run_code(f"print({i})\n{i} * 2")), range(96)))
        for i, answer in answers:
            self.assertEqual((answer["stdout"], answer["result"]), (f"{i}\n", str(i * 2)))


@needs_wall
class RunsOfServers(unittest.TestCase):
    """Servers of their own: configured, busy, ending."""

    def test_an_agent_whose_runs_are_fixed(self):
        sandbox = "{seed: 7, clock: 2026-07-01T10:00:00Z, timezone: Europe/Berlin}"
        with serve_agent(sandbox) as host, serve_agent("{count: 2}") as other:
            outs = [host.request("/runs", {"code": EVERYTHING})[1]["stdout"] for _ in range(3)]
            outs.append(other.request("/runs", {"code": EVERYTHING, **NOON})[1]["stdout"])
            self.assertEqual(len(set(outs)), 1)
            self.assertIn("2026-07-01 12:00:00", outs[0])

    def test_a_zone_that_is_not_there_is_told_at_the_start(self):
        with self.assertRaises(AssertionError) as told:
            with serve_agent("{timezone: Mars/Olympus}"):
                pass
        self.assertIn('timezone "Mars/Olympus" is neither', str(told.exception))

    def test_runs_may_be_refused(self):
        with serve_agent("{count: 1}\nserve: {runs: refuse}") as host:
            status, answer = host.request("/v1/runs", {"code": "1"})
            self.assertEqual((status, answer["error"]["code"], answer["error"]["type"]),
                             (403, "runs_not_allowed", "permission_error"))
            self.assertIn("42", host.ask("```python\nprint(6 * 7)\n```")["output"][-1]["content"][0]["text"])

    def test_waiting_for_tools_apart(self):
        code = "for i in range(4): call_tool('compute', operation='multiply', a=2, b=i)\n'done'"
        with serve_agent("{time: 2s, tool_time: apart}") as host:
            self.assertEqual(host.request("/runs", {"code": code})[1]["result"], "'done'")

    def test_a_busy_server_says_when_to_try_again(self):
        with serve_agent("{count: 1, wait: 300ms}") as host:
            stream = Stream(host.url, {"code": "import time\nprint('in')\ntime.sleep(20)"})
            events = iter(stream)
            next(events), next(events)  # it runs
            where = urlparse(host.url)
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
            connection.request("POST", "/runs", json.dumps({"code": "1"}))
            answer = connection.getresponse()
            error = json.load(answer)["error"]
            self.assertEqual((answer.status, error["code"], error["type"], answer.getheader("Retry-After")),
                             (503, "sandbox_busy", "service_unavailable", "1"))
            stream.close()

    def test_a_full_queue_is_429(self):
        with serve_agent("{count: 1}\nserve: {turns: 1, queue: 1}") as host:
            sleeper = {"code": "import time\ntime.sleep(4)\n1"}
            with concurrent.futures.ThreadPoolExecutor(6) as threads:
                answers = list(threads.map(lambda _: host.request("/runs", sleeper), range(6)))
            statuses = sorted(status for status, _ in answers)
            self.assertEqual((statuses[0], statuses[-1]), (200, 429))
            refusal = next(answer for status, answer in answers if status == 429)
            self.assertEqual((refusal["error"]["code"], refusal["error"]["type"]),
                             ("rate_limit_exceeded", "rate_limit_error"))

    def test_comments_while_the_code_is_silent(self):
        with serve_agent("{count: 2}\nserve: {keepalive: 1s}") as host:
            stream = Stream(host.url, {"code": "import time\ntime.sleep(5)"})
            events = list(stream)
            self.assertEqual(events[-1]["type"], "run.completed")
            self.assertGreaterEqual(stream.comments, 2)

    def test_a_turn_whose_code_is_silent_is_alive(self):
        """The same for a streamed response: its client hears a comment while the code runs."""
        with serve_agent("{count: 2}\nserve: {keepalive: 1s}") as host:
            where = urlparse(host.url)
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=GENEROUS)
            ask = {"input": "```python\nimport time\ntime.sleep(5)\nprint('over')\n```", "stream": True}
            connection.request("POST", "/v1/responses", json.dumps(ask))
            lines = [line.decode().rstrip("\n") for line in connection.getresponse()]
            code = next(i for i, line in enumerate(lines) if "mcp_call_arguments.done" in line)
            end = next(i for i, line in enumerate(lines) if "mcp_call.completed" in line)
            self.assertGreaterEqual(sum(line.startswith(":") for line in lines[code:end]), 2)

    def test_runs_in_progress_may_finish_and_then_are_cancelled(self):
        for seconds, grace, outcome in (1, "20s", None), (60, "500ms", "cancelled"):
            with serve_agent("{time: 100s}", "--grace", grace) as host:
                with concurrent.futures.ThreadPoolExecutor(2) as threads:
                    code = f"import time\nprint('in')\ntime.sleep({seconds})\nprint('out')"
                    plain = threads.submit(host.request, "/runs", {"code": code})
                    stream = Stream(host.url, {"code": code})
                    events = iter(stream)
                    next(events), next(events)
                    time.sleep(0.5)
                    host.process.send_signal(signal.SIGTERM)
                    status, answer = plain.result(GENEROUS)
                    last = list(events)[-1]
                self.assertEqual((status, last["type"]), (200, "run.completed"))
                for run in answer, last["run"]:
                    self.assertEqual(run["error"] and run["error"]["kind"], outcome)
                    self.assertIn("in\n", run["stdout"])

    def test_nothing_is_left_of_clients_that_leave(self):
        with serve_agent("{count: 4, memory: 64MiB}") as host:
            host.request("/runs", {"code": "1"})
            open_files = lambda: len(os.listdir(f"/proc/{host.process.pid}/fd"))
            def leave(i):
                where = urlparse(host.url)
                with socket.create_connection((where.hostname, where.port)) as raw:
                    body = json.dumps({"code": "while True: print('x' * 100)", "stream": bool(i % 2)}).encode()
                    raw.sendall(b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    time.sleep(0.05 * (i % 5))
            with concurrent.futures.ThreadPoolExecutor(8) as threads:
                list(threads.map(leave, range(40)))
            wait_until(lambda: sum(line.get("path") == "/runs" for line in log(host)) == 41, "runs go on")
            with concurrent.futures.ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda _: host.request("/runs", {"code": "import time\ntime.sleep(.3)"}), range(4)))
            before = open_files()
            with concurrent.futures.ThreadPoolExecutor(8) as threads:
                list(threads.map(leave, range(40)))
            wait_until(lambda: sum(line.get("path") == "/runs" for line in log(host)) == 85, "runs go on")
            wait_until(lambda: open_files() <= before, "descriptors are left")


@needs_wall
class Again(unittest.TestCase):
    """`cloche run` with what is fixed, by all walls and placements that there are here."""

    WORDS = ["--seed", "7", "--clock", "2026-07-01T10:00:00Z", "--timezone", "Europe/Berlin"]

    def cloche(self, code, *words, env=None):
        return subprocess.run([CLOCHE, "run", *words, "-c", code], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=GENEROUS, env={**os.environ, **(env or {})})

    def places(self):
        return [["--isolation=process"],
                *([["--isolation=microvm"], ["--isolation=microvm", "--placement=worker"]] if present() else [])]

    def test_the_same_by_every_wall_and_placement(self):
        outs = {}
        for place in self.places():
            for _ in range(2):
                done = self.cloche(EVERYTHING, *place, *self.WORDS)
                self.assertEqual(done.returncode, 0, done.stderr)
                outs.setdefault(done.stdout, []).append(place)
        self.assertEqual(len(outs), 1, outs)

    @needs_hypervisor
    def test_the_host_lends_nothing(self):
        """Neither its zone nor its clock, nor its environment."""
        with_host = self.cloche(EVERYTHING, *self.WORDS, env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "3"})
        self.assertEqual(with_host.stdout, self.cloche(EVERYTHING, *self.WORDS).stdout)

    def test_library_code_that_waits_ends(self):
        code = ("import asyncio, queue, sched, threading, time\n"
                "s = sched.scheduler(time.time, time.sleep); s.enter(0.02, 1, print, ('sched',)); s.run()\n"
                "try: queue.Queue().get(timeout=0.02)\nexcept queue.Empty: print('queue')\n"
                "print(threading.Event().wait(0.02))\n"
                "async def main():\n"
                "    async with asyncio.timeout(0.5):\n"
                "        await asyncio.gather(*(asyncio.sleep(i / 1000) for i in range(20)))\n"
                "    print(asyncio.get_running_loop().time())\n"
                "asyncio.run(main())\n"
                "end = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass\nprint('spun')\n"
                "t = threading.Timer(0.02, print, ('timer',)); t.start(); t.join()\n")
        done = self.cloche(code, *self.WORDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, self.cloche(code, *self.WORDS).stdout)
        self.assertEqual([line for line in done.stdout.split("\n") if line[:1].isalpha()],
                         ["sched", "queue", "False", "spun", "timer"])

    def test_what_is_wrong_is_said(self):
        for words, said in (["--seed", "x"], '"x" is not a seed'), (["--clock", "now"], '"now" is not a moment'), \
                (["--timezone", "Mars/Olympus"], 'timezone "Mars/Olympus" is neither'), \
                (["--tool-time", "x"], "not a duration"):
            done = self.cloche("print(1)", *words)
            self.assertIn(done.returncode, (2, 126))
            self.assertEqual(done.stdout, "")
            self.assertIn(said, done.stderr)

    def test_as_elsewhere(self):
        """Local time by POSIX rules, as this machine's C library has it."""
        code = ("import time\n"
                "for at in range(1767225600, 1767225600 + 366 * 86400, 40000): print(at, time.strftime('%F %T %z', time.localtime(at)))")
        for zone in "CET-1CEST,M3.5.0,M10.5.0/3", "UTC+2", "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30", "NZST-12NZDT,M9.5.0,M4.1.0/3":
            done = self.cloche(code, "--timezone", zone)
            native = subprocess.run(["python3", "-c", code], env={**os.environ, "TZ": zone}, capture_output=True, text=True)
            self.assertEqual(done.stdout, native.stdout, zone)


if __name__ == "__main__":
    unittest.main()
