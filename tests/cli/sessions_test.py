"""State that lasts: POST /v1/runs with "state": "session", turns of a conversation, and what becomes of it
when runs are killed, the server is, files are altered, images change and there is no more room."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from hypervisor import needs_wall
from serve_test import BUILD, CLEAN, GENEROUS, Host, children, resident

CLOCHE = str(BUILD / "cloche")
IMAGE = str((BUILD / "python.image").resolve())
MIB = 1 << 20
SHARE = int(os.environ.get("CLOCHE_TEST_SHARE", "100"))
KILL = "import os; os._exit(3)"
STUBBORN = """x = 'lost'
while True:
    try:
        while True: pass
    except BaseException: pass
"""


class Server(Host):
    """A server that keeps its store, so that it can be killed and started again."""

    def __init__(self, folder, sandbox="{}", serve="{}", model="{kind: script}", image=IMAGE, store=True):
        self.folder = Path(folder)
        agent = self.folder / "agent.yaml"
        agent.write_text(f"model: {model}\nsandbox: {sandbox}\nserve: {serve}\n")
        words = ["--store", str(self.folder / "db")] if store else []
        super().__init__(CLOCHE, "serve", "--port", "0", *words, str(agent), env={"CLOCHE_IMAGE": image})

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(GENEROUS)

    def run_code(self, code, previous=None, **more):
        """The answer, whose status has to be 200."""
        status, answer = self.try_code(code, previous, **more)
        if status != 200:
            raise AssertionError(f"{status}: {answer}")
        return answer

    def try_code(self, code, previous=None, **more):
        body = {"code": code, "state": "session", **more}
        if previous:
            body["previous_run_id"] = previous
        return self.request("/v1/runs", body)

    def snapshots(self):
        return sorted(path for path in (self.folder / "db-snapshots").iterdir() if path.name != "key")


@contextlib.contextmanager
def serving(folder=None, **more):
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(tempfile.TemporaryDirectory())
        yield stack.enter_context(Server(folder, **more))


def wait_until(look, what):
    deadline = time.monotonic() + GENEROUS
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.02)


class Runs(unittest.TestCase):
    """POST /v1/runs."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.host = cls.stack.enter_context(serving(
            sandbox="{time: 20s, memory: 128MiB, count: 4, artifacts: {file_size: 1MiB, total_size: 4MiB}}"))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def kept(self, code, previous=None, **more):
        answer = self.host.run_code(code, previous, **more)
        self.assertEqual(answer["state"]["outcome"], "kept", answer)
        self.assertIsNone(answer["state"]["note"])
        self.assertGreater(answer["state"]["bytes"], 100)
        return answer

    def as_before(self, code, previous=None, **more):
        answer = self.host.run_code(code, previous, **more)
        self.assertEqual(answer["state"]["outcome"], "as_before", answer)
        self.assertEqual(answer["state"]["bytes"], 0)
        self.assertTrue(answer["state"]["note"], answer)
        return answer

    def finds(self, wanted, expression, previous):
        self.assertEqual(self.host.run_code(expression, previous)["result"], wanted)

    @needs_wall
    def test_variables_modules_and_files_last(self):
        one = self.kept("import math as m\nx = [1, 2]\ndef f(n): return n * len(x)\n"
                        "open('/output/a.txt', 'w').write('one')\nopen('/tmp/t', 'w').write('temporary')")
        self.assertEqual([(a["path"], a["changed"], a["file_id"] is not None) for a in one["artifacts"]],
                         [("a.txt", True, True)])
        two = self.kept("x.append(3)\nopen('/output/b.txt', 'w').write('two')\n"
                        "f(m.floor(2.5)), open('/output/a.txt').read(), open('/tmp/t').read()", one["id"])
        self.assertEqual(two["result"], "(6, 'one', 'temporary')")
        self.assertEqual([(a["path"], a["changed"], a["file_id"] is not None) for a in two["artifacts"]],
                         [("a.txt", False, False), ("b.txt", True, True)])
        self.finds("([1, 2, 3], ['a.txt', 'b.txt'])", "import os\nx, sorted(os.listdir('/output'))", two["id"])

    @needs_wall
    def test_branches_at_once_go_their_own_ways(self):
        root = self.kept("x = [0]")
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            branches = list(threads.map(lambda n: self.kept(f"x.append({n})", root["id"]), range(8)))
            again = list(threads.map(lambda one: self.kept("x.append(-1)\nx", one["id"]), branches))
        self.assertEqual([one["result"] for one in again], [f"[0, {n}, -1]" for n in range(8)])
        self.finds("[0]", "x", root["id"])

    @needs_wall
    def test_clean_is_the_default(self):
        one = self.kept("x = 1")
        status, clean = self.host.request("/v1/runs", {"code": "x"})
        self.assertEqual((status, clean["error"]["type"]), (200, "NameError"))
        self.assertNotIn("state", clean)
        status, clean = self.host.request("/v1/runs", {"code": "x", "state": "clean"})
        self.assertEqual(clean["error"]["type"], "NameError")
        # the id alone says what is meant
        self.assertEqual(self.host.request("/v1/runs", {"code": "x", "previous_run_id": one["id"]})[1]["result"], "1")
        for body, param in (({"state": "clean", "previous_run_id": one["id"]}, "previous_run_id"),
                            ({"state": "dirty"}, "state"), ({"previous_run_id": 5}, "previous_run_id")):
            status, problem = self.host.request("/v1/runs", {"code": "x", **body})
            self.assertEqual((status, problem["error"]["param"]), (400, param), problem)

    @needs_wall
    def test_an_id_that_has_no_state_is_a_404(self):
        clean = self.host.request("/v1/runs", {"code": "1"})[1]
        for id in (clean["id"], "run_00000000000000000000000000000000", "", "x" * 100):
            status, problem = self.host.request("/v1/runs", {"code": "1", "previous_run_id": id})
            self.assertEqual((status, problem["error"]["param"]), (404, "previous_run_id"), problem)
            self.assertIn("leave 'previous_run_id' out", problem["error"]["message"])

    @needs_wall
    def test_what_python_survives_is_kept(self):
        last = self.kept("x = 1")
        for code, error in (("x = 2\n1 / 0", "ZeroDivisionError"), ("x = 3\nraise SystemExit(4)", None),
                            ("x = 4\nwhile True: pass", "TimeLimitExceeded"),
                            ("x = 5\nkeep = bytearray(1 << 30)", "MemoryError"),
                            ("x = 6\nprint('y' * 5000)", "OutputLimitExceeded"),
                            ("x = 7\ndef f(): f()\nf()", "RecursionError")):
            limits = {"wall_ms": 3000, "output": 4000} if error and error.endswith("Exceeded") else {}
            last = self.kept(code, last["id"], limits=limits)
            self.assertEqual(last["error"] and last["error"]["type"], error, last)
            self.finds(code[4], "x", last["id"])

    @needs_wall
    def test_what_was_killed_is_as_before(self):
        before = self.kept("x = 'before'\nopen('/output/a', 'w').write('before')")
        found = "x, open('/output/a').read()"
        for code, limits in ((f"x = 'lost'\nopen('/output/a', 'w').write('lost')\n{KILL}", {}),
                             (STUBBORN, {"wall_ms": 500}),
                             ("x = 'lost'\nfor i in range(10 ** 6): y = iter([]) if not i else map(len, y)\nlist(y)", {})):
            with self.subTest(code):
                after = self.as_before(code, before["id"], limits=limits)
                self.finds("('before', 'before')", found, after["id"])
                # and so from there
                self.finds("('before', 'before')", found, self.as_before(KILL, after["id"])["id"])

    @needs_wall
    def test_a_session_whose_first_run_was_killed_goes_on(self):
        first = self.as_before(f"x = 1\n{KILL}")
        second = self.kept("try: x\nexcept NameError: x = 2\nx", first["id"])
        self.assertEqual(second["result"], "2")
        self.finds("2", "x", second["id"])

    @needs_wall
    def test_a_client_that_goes_away_leaves_nothing(self):
        before = self.kept("x = 1")
        connection = http.client.HTTPConnection(*self.host.url.rpartition("/")[2].split(":"), timeout=GENEROUS)
        connection.request("POST", "/v1/runs", json.dumps(
            {"code": "x = 2\nprint('on', flush=True)\nimport time\ntime.sleep(15)", "state": "session", "stream": True,
             "previous_run_id": before["id"]}))
        answer = connection.getresponse()
        while b'"on' not in answer.readline():
            pass
        connection.close()
        self.finds("1", "x", before["id"])

    @needs_wall
    def test_a_stream_tells_of_the_state(self):
        events, run = [], None
        connection = http.client.HTTPConnection(*self.host.url.rpartition("/")[2].split(":"), timeout=GENEROUS)
        connection.request("POST", "/v1/runs", json.dumps({"code": "x = 1\nprint(x)", "state": "session", "stream": True}))
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                events.append(json.loads(line[6:]))
        connection.close()
        run = events[-1]["run"]
        self.assertEqual(run["state"]["outcome"], "kept")
        self.finds("1", "x", run["id"])

    @needs_wall
    def test_a_state_that_needs_more_than_the_run_may_have_is_refused(self):
        big = self.kept("x = bytearray(70 << 20)")
        status, problem = self.host.try_code("len(x)", big["id"], limits={"memory": 64 * MIB})
        self.assertEqual(status, 400, problem)
        self.assertIn("MiB", problem["error"]["message"])
        self.finds(str(70 << 20), "len(x)", big["id"])


class Deleted(unittest.TestCase):
    """DELETE /v1/runs/{id}."""

    def delete(self, host, one):
        status, answer = host.request(f"/v1/runs/{one['id']}", method="DELETE")
        self.assertEqual((status, answer), (200, {"id": one["id"], "object": "run", "deleted": True}))

    def gone(self, host, one):
        status, answer = host.request(f"/v1/runs/{one['id']}", method="DELETE")
        self.assertEqual((status, answer["error"]["code"]), (404, "not_found"))
        self.assertIn(one["id"], answer["error"]["message"])
        status, answer = host.try_code("x", one["id"])
        self.assertEqual((status, answer["error"]["param"]), (404, "previous_run_id"))

    @needs_wall
    def test_a_state_goes_at_once_and_its_branches_stay(self):
        with serving() as host:
            root = host.run_code("x = [0]")
            branch = host.run_code("x.append(1)", root["id"])
            stands = host.run_code(KILL, root["id"])  # its id stands for the root's state
            self.assertEqual((stands["state"]["outcome"], len(host.snapshots())), ("as_before", 2))
            self.delete(host, root)
            self.gone(host, root)
            self.assertEqual(host.run_code("x.append(2)\nx", branch["id"])["result"], "[0, 1, 2]")
            self.assertEqual(host.run_code("x", stands["id"])["result"], "[0]")
            self.assertEqual(len(host.snapshots()), 4)
            self.delete(host, stands)
            wait_until(lambda: len(host.snapshots()) == 3, "nothing refers to the root's any more")

    @needs_wall
    def test_a_run_that_is_going_on_from_it_notices_nothing(self):
        with serving(sandbox="{time: 60s}") as host, concurrent.futures.ThreadPoolExecutor(1) as thread:
            root = host.run_code("x = 1")
            late = thread.submit(host.run_code, "import time\ntime.sleep(1.5)\nx += 1", root["id"])
            time.sleep(0.5)
            self.delete(host, root)
            self.gone(host, root)
            self.assertEqual(late.result()["state"]["outcome"], "kept")
            self.assertEqual(host.run_code("x", late.result()["id"])["result"], "2")

    @needs_wall
    def test_what_has_no_state_is_a_404(self):
        with serving() as host:
            self.gone(host, {"id": "run_none"})
            self.gone(host, host.request("/v1/runs", {"code": "1"})[1])
            self.assertEqual(host.request("/v1/runs/run_none")[0], 405)
            self.assertEqual(host.request("/v1/runs", method="DELETE")[0], 405)


class Model(http.server.BaseHTTPRequestHandler):
    """A chat-completions server that has no mind of its own: the user's message is a list of replies, each a
    list of programs, which are called for at once. The answer is what the tools said."""

    seen = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body)
        messages = body["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "user")
        replies = json.loads(text_of(messages[last]).splitlines()[-1])  # before it lines on files may stand
        done = sum(bool(message.get("tool_calls")) for message in messages[last:])
        if done < len(replies):
            message = {"role": "assistant", "content": None, "tool_calls": [
                {"id": f"call_{last}_{done}_{i}", "type": "function",
                 "function": {"name": "execute_code", "arguments": json.dumps({"code": code})}}
                for i, code in enumerate(replies[done])]}
        else:
            message = {"role": "assistant", "content": "done"}
        answer = json.dumps({"id": "1", "object": "chat.completion", "choices": [
            {"index": 0, "finish_reason": "tool_calls" if done < len(replies) else "stop",
             "message": message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def text_of(message):
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@contextlib.contextmanager
def model():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{{kind: chat, name: m, base_url: 'http://127.0.0.1:{server.server_port}/v1', api_key: none}}"
        server.shutdown()


def ask(host, *replies, **more):
    """A response: each reply of the model is a program, or a list of those that it calls for at once."""
    status, response = host.request("/v1/responses", {"input": question(*replies), **more})
    if status != 200 or (not more.get("background") and response["status"] != "completed"):
        raise AssertionError(f"{status}: {response}")
    return response


def question(*replies):
    return json.dumps([[one] if isinstance(one, str) else one for one in replies])


def said(response):
    """What the model was told of each run."""
    return [item["output"] for item in response["output"] if item["type"] == "mcp_call"]


def printed(response):
    return [text.split(":\n", 1)[1].strip() if text.startswith("stdout") else text for text in said(response)]


ANEW = "note: what earlier runs left is gone"
LOST = "note: what this run did to variables, imports and files is lost"
REFUSED = "note: what this run left could not be kept"


class Turns(unittest.TestCase):
    """POST /v1/responses."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.model = cls.stack.enter_context(model())
        cls.host = cls.stack.enter_context(serving(
            sandbox="{state: session, time: 20s, memory: 128MiB, count: 4}", model=cls.model,
            serve="{snapshots: {max_bytes: 1MiB}}"))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def ask(self, *replies, **more):
        return ask(self.host, *replies, **more)

    @needs_wall
    def test_runs_of_one_answer_go_on_from_one_another(self):
        response = self.ask("x = [0]", "x.append(1)", "print(x)")
        self.assertEqual(printed(response)[2], "[0, 1]")

    @needs_wall
    def test_calls_of_one_reply_keep_their_order(self):
        calls = ["x = []\nimport time\ntime.sleep(0.3)", *[f"x.append({n})" for n in range(10)], "print(x)"]
        self.assertEqual(printed(self.ask(calls))[-1], str(list(range(10))))

    @needs_wall
    def test_a_conversation_goes_on_in_each_of_its_ways(self):
        first = self.ask("x = 1")
        self.assertEqual(printed(self.ask("x += 1\nprint(x)", previous_response_id=first["id"])), ["2"])
        named = self.ask("x = 10", conversation="talk")
        self.assertEqual(printed(self.ask("x += 1\nprint(x)", conversation="talk")), ["11"])
        self.assertEqual(printed(self.ask("x += 1\nprint(x)", conversation={"id": "talk"})), ["12"])
        self.assertEqual(printed(self.ask("print(x)", previous_response_id=named["id"], input=question("print(x)"))), ["10"])
        news = [{"role": "user", "content": question("x += 1\nprint(x)")}]
        for items in (first["output"], [{"type": "item_reference", "id": item["id"]} for item in first["output"]]):
            status, response = self.host.request("/v1/responses", {"input": [*items, *news]})
            self.assertEqual((status, printed(response)), (200, ["2"]), response)
        self.assertIn("NameError", said(self.ask("print(x)"))[0])

    @needs_wall
    def test_branches_at_once_go_their_own_ways(self):
        root = self.ask("x = [0]")
        def branch(n):
            one = self.ask(f"x.append({n})", previous_response_id=root["id"])
            return printed(self.ask("print(x)", previous_response_id=one["id"]))
        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            self.assertEqual(list(threads.map(branch, range(6))), [[f"[0, {n}]"] for n in range(6)])
        self.assertEqual(printed(self.ask("print(x)", previous_response_id=root["id"])), ["[0]"])

    @needs_wall
    def test_a_turn_without_a_run_hands_the_state_on(self):
        first = self.ask("x = 1")
        second = self.ask(previous_response_id=first["id"])
        clean = self.ask("print('x' in globals())", previous_response_id=second["id"], sandbox={"state": "clean"})
        self.assertEqual((printed(clean), clean["sandbox"]), (["False"], {"state": "clean"}))
        self.assertEqual(printed(self.ask("print(x)", previous_response_id=clean["id"])), ["1"])

    @needs_wall
    def test_the_model_is_told_what_lasts(self):
        def told(**more):
            self.ask(**more)
            body = Model.seen[-1]
            return body["messages"][0], body["tools"][0]["function"]["description"]
        system, tool = told()
        self.assertIn("last from one run to the next", tool)
        self.assertNotIn("Nothing is kept", tool)
        self.assertIn("as the cells of a notebook do", text_of(system))
        system, tool = told(sandbox={"state": "clean"})
        self.assertIn("Nothing is kept from one run to the next", tool)
        self.assertIn("starts from nothing", text_of(system))

    @needs_wall
    def test_the_model_is_told_what_was_lost(self):
        response = self.ask("x = 1", f"x = 2\n{KILL}", "print(x)", "x = 3\n1 / 0", "print(x)")
        outputs = said(response)
        self.assertIn(f"{LOST}: the code ended the interpreter (os._exit)", outputs[1])
        self.assertEqual([LOST in text for text in outputs], [False, True, False, False, False])
        self.assertEqual((printed(response)[2], printed(response)[4]), ("1", "3"))
        self.assertFalse(any(ANEW in text or REFUSED in text for text in outputs))

    @needs_wall
    def test_the_model_is_told_that_a_state_is_too_large(self):
        response = self.ask("x = 1", "import os\nx = os.urandom(3 << 20)", "print(x)")
        self.assertIn(REFUSED, said(response)[1])
        self.assertEqual(printed(response)[2], "1")
        self.assertEqual(printed(self.ask("print(x)", previous_response_id=response["id"])), ["1"])

    @needs_wall
    def test_what_is_not_stored_lasts_for_its_own_runs(self):
        stored = self.ask("x = 1")
        count = len(self.host.snapshots())
        response = self.ask("x += 1", "print(x)", previous_response_id=stored["id"], store=False)
        self.assertEqual(printed(response)[1], "2")
        wait_until(lambda: len(self.host.snapshots()) == count, "nothing of it is left")
        self.assertEqual(printed(self.ask("print(x)", previous_response_id=stored["id"])), ["1"])

    @needs_wall
    def test_files_are_named_once(self):
        def files(response):
            return [note["type"] for item in response["output"] if item["type"] == "message"
                    for part in item["content"] for note in part["annotations"]]
        first = self.ask("open('/output/a.txt', 'w').write('a')")
        self.assertEqual((files(first), "/output/a.txt" in said(first)[0]), (["file_path"], True))
        second = self.ask("print(open('/output/a.txt').read(), open('/input/a.txt').read())",
                          previous_response_id=first["id"])
        self.assertEqual((files(second), printed(second)), ([], ["a a"]))
        third = self.ask("open('/output/a.txt', 'w').write('b')", previous_response_id=second["id"])
        self.assertEqual(files(third), ["file_path"])

    @needs_wall
    def test_in_the_background(self):
        first = self.ask("x = 1", background=True)
        def over(id):
            return self.host.request(f"/v1/responses/{id}")[1]["status"] not in ("queued", "in_progress")
        wait_until(lambda: over(first["id"]), "the response is over")
        second = self.ask("x = 2", "import time\ntime.sleep(15)", previous_response_id=first["id"], background=True)
        wait_until(lambda: any("x = 2" in str(body["messages"]) and body["messages"][-1]["role"] == "tool"
                               for body in Model.seen), "the first run is over")
        self.host.request(f"/v1/responses/{second['id']}/cancel", method="POST")
        wait_until(lambda: over(second["id"]), "the response is cancelled")
        for id in (first["id"], second["id"]):  # what the second printed is not kept, nor what it did
            self.assertEqual(printed(self.ask("print(x)", previous_response_id=id)), ["1"])

    @needs_wall
    def test_a_conversation_is_not_set_back_by_what_was_cancelled(self):
        self.ask("x = 1", conversation="set-back")
        slow = self.ask("slow = 77", "import time\ntime.sleep(15)", conversation="set-back", background=True)
        wait_until(lambda: any("slow = 77" in str(body["messages"]) and body["messages"][-1]["role"] == "tool"
                               for body in Model.seen), "the first run is over")
        self.ask("x = 2", conversation="set-back")
        self.host.request(f"/v1/responses/{slow['id']}/cancel", method="POST")
        wait_until(lambda: self.host.request(f"/v1/responses/{slow['id']}")[1]["status"] == "cancelled", "it is cancelled")
        self.ask(conversation="set-back")
        self.assertEqual(printed(self.ask("print(x, 'slow' in globals())", conversation="set-back")), ["2 False"])

    @needs_wall
    def test_what_is_wrong_is_refused(self):
        for sandbox in ({"state": "dirty"}, {"state": 1}, {"stat": "session"}, "session"):
            status, problem = self.host.request("/v1/responses", {"input": "x", "sandbox": sandbox})
            self.assertEqual(status, 400, problem)
            self.assertIn("sandbox", problem["error"]["param"])

    @needs_wall
    def test_deleted_responses_take_their_snapshots_along(self):
        with serving(model=self.model) as host:
            first = ask(host, "x = 1", sandbox={"state": "session"})
            second = ask(host, previous_response_id=first["id"])
            third = ask(host, "x += 1\nprint(x)", previous_response_id=first["id"], sandbox={"state": "session"})
            self.assertEqual((printed(third), len(host.snapshots())), (["2"], 2))
            host.request(f"/v1/responses/{first['id']}", method="DELETE")
            host.request(f"/v1/responses/{third['id']}", method="DELETE")
            wait_until(lambda: len(host.snapshots()) == 1, "the third's is removed, the first's is the second's, too")
            host.request(f"/v1/responses/{second['id']}", method="DELETE")
            wait_until(lambda: not host.snapshots(), "nothing is left")


def other_image(path):
    """The same image, said to be made of something else: what a rebuilt one differs in first."""
    image = bytearray(Path(IMAGE).read_bytes())
    sha, inputs = 8 + 4 * 4 + 8, 8 + 4 * 4 + 8 + 32 + 32 + 64 + 32
    if image[sha + 64:sha + 71] != b"CPython":
        raise AssertionError("the header of images has changed: src/abi/image.h")
    image[inputs] ^= 1
    image[sha:sha + 32] = bytes(32)
    image[sha:sha + 32] = hashlib.sha256(image).digest()
    Path(path).write_bytes(image)


class Kept(unittest.TestCase):
    """The store: restarts, damage, other images, ceilings."""

    @needs_wall
    def test_a_killed_server_loses_nothing_that_it_has_answered(self):
        with tempfile.TemporaryDirectory() as folder, model() as url:
            more = {"model": url, "sandbox": "{state: session, count: 3}"}
            with serving(folder, **more) as host:
                run = host.run_code("x = 1")
                response = ask(host, "y = 1")
                waiting = ask(host, "y += 1", "import time\ntime.sleep(60)", previous_response_id=response["id"],
                              background=True)
                with concurrent.futures.ThreadPoolExecutor(1) as threads:
                    broken = threads.submit(host.try_code, "x = 2\nimport time\ntime.sleep(60)", run["id"])
                    wait_until(lambda: sum(path.name.startswith("part-") for path in host.snapshots()) == 3,
                               "both are in the middle of a run")
                    host.kill()
                    self.assertIsNotNone(broken.exception(GENEROUS))
            with serving(folder, **more) as host:
                self.assertFalse([path for path in host.snapshots() if path.name.startswith("part-")])
                self.assertEqual(host.run_code("x", run["id"])["result"], "1")
                self.assertEqual(printed(ask(host, "print(y)", previous_response_id=response["id"])), ["1"])
                self.assertEqual(host.request(f"/v1/responses/{waiting['id']}")[1]["status"], "failed")
                self.assertEqual(printed(ask(host, "print(y)", previous_response_id=waiting["id"])), ["1"])

    @needs_wall
    def test_an_altered_snapshot_is_told(self):
        with model() as url, serving(model=url, sandbox="{state: session}") as host:
            run = host.run_code("x = 1")
            response = ask(host, "y = 1")
            for path in host.snapshots():
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 1
                path.write_bytes(content)
            status, problem = host.try_code("x", run["id"])
            self.assertEqual(status, 400, problem)
            self.assertIn("snapshot is damaged", problem["error"]["message"])
            self.check_anew(host, response["id"])

    def check_anew(self, host, response):
        anew = ask(host, "print('y' in globals())\ny = 2", "print(y)", previous_response_id=response)
        self.assertIn(ANEW, said(anew)[0])
        self.assertIn("False", said(anew)[0])
        self.assertEqual((printed(anew)[1], ANEW in said(anew)[1]), ("2", False))
        self.assertEqual(printed(ask(host, "print(y)", previous_response_id=anew["id"])), ["2"])
        self.assertNotIn(str(host.folder), said(anew)[0])
        return said(anew)[0]

    @needs_wall
    def test_files_do_not_pass_for_one_another(self):
        with model() as url, serving(model=url, sandbox="{state: session}") as host:
            run = host.run_code("x = 'mine'")
            mine = host.snapshots()[0]
            host.run_code("x = 'yours'")
            yours = next(path for path in host.snapshots() if path != mine)
            mine.write_bytes(yours.read_bytes())
            status, problem = host.try_code("x", run["id"])
            self.assertEqual(status, 400, problem)

    @needs_wall
    def test_another_image_begins_anew(self):
        with tempfile.TemporaryDirectory() as folder, model() as url:
            more = {"model": url, "sandbox": "{state: session}"}
            with serving(folder, **more) as host:
                run = host.run_code("x = 1")
                response = ask(host, "y = 1")
            other_image(f"{folder}/other.image")
            with serving(folder, image=f"{folder}/other.image", **more) as host:
                status, problem = host.try_code("x", run["id"])
                self.assertEqual(status, 400, problem)
                self.assertIn("another image", problem["error"]["message"])
                self.assertNotIn(folder, problem["error"]["message"])
                self.assertIn("another image", self.check_anew(host, response["id"]))
                self.assertIn("other.image", host.said())
            with serving(folder, **more) as host:  # it is still there for the one that it is of
                self.assertEqual(host.run_code("x", run["id"])["result"], "1")

    @needs_wall
    def test_content_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as folder, model() as url:
            more = {"model": url, "sandbox": "{state: session}"}
            with serving(folder, **more) as host:
                run = host.run_code("x = 1")
                response = ask(host, "y = 1")
                second = ask(host, "y = 1")
                for path in host.snapshots():
                    path.unlink()
                self.assertEqual(host.try_code("x", run["id"])[0], 400)
                self.check_anew(host, response["id"])
            with serving(folder, **more) as host:  # which looks for it when it starts
                self.assertEqual(host.try_code("x", run["id"])[0], 404)
                self.check_anew(host, second["id"])

    @needs_wall
    def test_the_oldest_of_a_conversation_gives_way(self):
        with model() as url, serving(model=url, sandbox="{state: session}",
                                     serve="{snapshots: {conversation: {count: 3}}}") as host:
            other = host.run_code("x = 'other'")
            runs, responses = [host.run_code("x = 0")], [ask(host, "y = 0")]
            for n in range(1, 5):
                runs.append(host.run_code("x += 1\nx", runs[-1]["id"]))
                responses.append(ask(host, "y += 1\nprint(y)", previous_response_id=responses[-1]["id"]))
                self.assertEqual((runs[-1]["result"], printed(responses[-1])), (str(n), [str(n)]))
            self.assertEqual([host.try_code("x", run["id"])[0] for run in runs[:2]], [404, 404])
            self.assertEqual(host.run_code("x", runs[-1]["id"])["result"], "4")
            self.assertEqual(host.run_code("x", other["id"])["result"], "'other'")
            self.check_anew(host, responses[0]["id"])
            self.assertEqual(printed(ask(host, "print(y)", previous_response_id=responses[-1]["id"])), ["4"])

    @needs_wall
    def test_all_bytes_have_a_ceiling(self):
        snapshots = "{snapshots: {total_bytes: 2MiB, max_bytes: 1500KiB}}"
        with serving(serve=snapshots, sandbox="{}") as host:
            runs = [host.run_code(f"import os\nx = {n}, os.urandom(1 << 20)") for n in range(4)]
            self.assertEqual([run["state"]["outcome"] for run in runs], ["kept"] * 4)
            self.assertEqual([host.try_code("x[0]", run["id"])[0] for run in runs[:3]], [404] * 3)
            self.assertEqual(host.run_code("x[0]", runs[3]["id"])["result"], "3")
            self.assertLess(sum(path.stat().st_size for path in host.snapshots()), 2 * MIB)
            before = host.run_code("x = 'small'")
            large = host.run_code("import os\ny = os.urandom(2 << 20)", before["id"])
            self.assertEqual(large["state"]["outcome"], "as_before", large)
            self.assertEqual(host.run_code("x", large["id"])["result"], "'small'")

    @needs_wall
    def test_old_ones_go(self):
        with serving(serve="{snapshots: {keep: 1s}}") as host:
            run = host.run_code("x = 1")
            time.sleep(2)
            self.assertEqual(host.try_code("x", run["id"])[0], 404)

    @needs_wall
    def test_without_a_store_they_end_with_the_server(self):
        with tempfile.TemporaryDirectory() as folder:
            before = set(Path(tempfile.gettempdir()).glob("cloche-snapshots-*"))
            with serving(folder, store=False) as host:
                run = host.run_code("x = 1")
                self.assertEqual(host.run_code("x", run["id"])["result"], "1")
                self.assertTrue(set(Path(tempfile.gettempdir()).glob("cloche-snapshots-*")) - before)
            self.assertFalse((Path(folder) / "db-snapshots").exists())

    @needs_wall
    def test_a_key_that_others_may_read(self):
        with tempfile.TemporaryDirectory() as folder:
            with serving(folder) as host:
                host.run_code("x = 1")
            key = Path(folder) / "db-snapshots/key"
            self.assertEqual(key.stat().st_mode & 0o777, 0o600)
            key.chmod(0o644)
            done = subprocess.run([CLOCHE, "serve", "--port", "0", "--store", f"{folder}/db", f"{folder}/agent.yaml"],
                                  env={**CLEAN, "CLOCHE_IMAGE": IMAGE}, capture_output=True, text=True, timeout=GENEROUS)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("mode 0644", done.stderr)

    @needs_wall
    def test_a_full_disk_costs_the_state_alone(self):
        if os.geteuid() != 0:
            self.skipTest("a small disk needs root to be mounted")
        with tempfile.TemporaryDirectory() as folder:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True).returncode:
                self.skipTest("a small disk cannot be mounted here")
            try:
                with serving(folder) as host:
                    run = host.run_code("x = 1")
                    full = host.run_code("import os\nx = os.urandom(4 << 20)", run["id"])
                    self.assertEqual(full["state"]["outcome"], "as_before", full)
                    self.assertEqual(host.run_code("x", full["id"])["result"], "1")
            finally:
                subprocess.run(["umount", "-l", folder], check=True)


class Many(unittest.TestCase):
    """A thousand sessions (fewer in the quick suite), some of them at work at a time, in random order, and
    a server that is killed in between: each finds its own variables."""

    SESSIONS = 1000 if SHARE >= 300 else 60
    ROUNDS = 5
    ACTIVE = 20
    TOTAL = 2048 * MIB

    @needs_wall
    def test_sessions(self):
        seed = int(os.environ.get("SESSIONS_SEED", random.randrange(1 << 32)))
        print(f"SESSIONS_SEED={seed}", flush=True)
        chance = random.Random(seed)
        work = [number for number in range(self.SESSIONS) for _ in range(self.ROUNDS)]
        chance.shuffle(work)
        last, steps = {}, dict.fromkeys(range(self.SESSIONS), 0)
        kills = 3
        pieces = [work[i * len(work) // (kills + 1):(i + 1) * len(work) // (kills + 1)] for i in range(kills + 1)]
        with tempfile.TemporaryDirectory() as folder:
            left = []
            for piece in [*pieces, None]:
                more = {"sandbox": f"{{memory: 96MiB, count: {self.ACTIVE}, total_memory: {self.TOTAL >> 20}MiB}}",
                        "serve": "{snapshots: {conversation: {count: 4}}}"}
                with serving(folder, **more) as host:
                    left = self.play(host, left + (piece or []), last, steps, kill=piece is not None)
            self.assertEqual((left, min(steps.values())), ([], self.ROUNDS))

    def step(self, host, number, last, steps):
        step = steps[number]
        code = (f"import collections\nseen = collections.Counter()\nme = {number}" if not step else "") + \
            f"\nseen[{step}] += 1\nme, sorted(seen.items())"
        answer = host.run_code(code, last.get(number))
        wanted = (number, [(n, 1) for n in range(step + 1)])
        if answer["result"] != repr(wanted) or answer["state"]["outcome"] != "kept":
            raise AssertionError(f"session {number}, step {step}: {answer}")
        last[number], steps[number] = answer["id"], step + 1

    def play(self, host, work, last, steps, kill):
        """Play the steps, ACTIVE at a time, each session's one after another. What a kill broke is left."""
        lock, busy, left, done = threading.Lock(), set(), [], [0]
        queue, over, peak = list(work), threading.Event(), [0]

        def watch():
            while not over.wait(0.3):
                peak[0] = max(peak[0], sum(map(resident, children(host.process.pid))))

        def worker():
            while True:
                with lock:
                    at = next((i for i, number in enumerate(queue) if number not in busy), None)
                    if at is None:
                        return
                    number = queue.pop(at)
                    busy.add(number)
                try:
                    self.step(host, number, last, steps)
                    with lock:
                        done[0] += 1
                except (OSError, http.client.HTTPException, ValueError):
                    if not over.is_set():
                        raise
                    left.append(number)
                finally:
                    with lock:
                        busy.discard(number)

        with concurrent.futures.ThreadPoolExecutor(self.ACTIVE + 1) as threads:
            watching = threads.submit(watch)
            players = [threads.submit(worker) for _ in range(self.ACTIVE)]
            if kill:
                wait_until(lambda: done[0] >= len(work) * 3 // 4 or all(one.done() for one in players), "most is played")
                over.set()
                host.kill()
            for player in players:
                player.result(GENEROUS * 10)
            over.set()
            watching.result(GENEROUS)
        self.assertLess(peak[0], self.TOTAL + 256 * MIB)
        return left + queue


if __name__ == "__main__":
    unittest.main()
