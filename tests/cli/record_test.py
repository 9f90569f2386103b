"""`cloche serve --record`: what a model answered, written down as a script that answers the same without it. The model is
a server of chat completions whose replies are planned."""

import http.server
import json
import os
import stat
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

from serve_test import BUILD, CLEAN, GENEROUS, Host

KEY = "key-of-the-model-0123456789"
PROGRAM = str(BUILD.resolve() / "cloche")
WALL = {"CLOCHE_ISOLATION": "process"}  # which is everywhere
IMAGE = {"CLOCHE_IMAGE": str(BUILD.resolve() / "python.image")}
TALK = [  # question, and what the model replies, one after the other: (words, pieces of code)
    ("What is six times seven?", [("I'll compute it.", ["print(6 * 7)"]), ("It is {stdout}: 42.", [])]),
    ("Go on", [(None, ["print('one')", "x = 2\nprint('two', x)\n", "1 / 0"]), ("Two of three:", ["'last'"]), ("Done.\n\nAll \u00e9.", [])]),
    ("Go on", [("There is nothing left.", [])]),
    ("(.*)\\E [a-z]", [("A pattern?", [])]),
]


class Planned(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.server.plan.pop(0)
        if isinstance(reply, int):
            self.answer(reply, b'{"error": {"message": "broken"}}', "application/json")
            return
        words, pieces = reply
        calls = [{"index": index, "id": f"c{index}", "type": "function", "function": {
            "name": "execute_code" if isinstance(piece, str) else piece[0],
            "arguments": json.dumps({"code": piece}) if isinstance(piece, str) else "{}"}}
            for index, piece in enumerate(pieces)]
        chunks = [{"content": words}] if words else []
        chunks += [{"tool_calls": [call]} for call in calls]
        text = "".join(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n" for delta in chunks)
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]}
        self.answer(200, (text + f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n").encode(), "text/event-stream")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Model:
    def __init__(self, plan):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Planned)
        self.server.plan = plan
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def plain(item):
    """An item without what is new each time."""
    item = {name: value for name, value in item.items() if name not in ("id", "call_id")}
    if "arguments" in item:
        item["arguments"] = json.loads(item["arguments"])
    return item


def streamed(host, body):
    """The response, and the text that came piece by piece."""
    request = urllib.request.Request(host.url + "/responses", json.dumps({**body, "stream": True}).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
        events = [json.loads(line[6:]) for line in answer.read().decode().splitlines() if line.startswith("data: {")]
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    return events[-1]["response"], text


class Record(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        self.agent, self.file = self.top / "agent.yaml", self.top / "turns.yaml"

    def host(self, agent, *words, env=None):
        self.agent.write_text(agent)
        return Host(PROGRAM, "serve", "--port", "0", "--items", "calls", *words, str(self.agent),
                    env={**IMAGE, **WALL, **(env or {})})

    def recorded(self, plan, *words, agent="model: {kind: chat}"):
        model = self.enterContext(Model(plan))
        return self.host(agent, *words, env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.url})

    def played(self):
        return self.host(f"model: {{kind: script, script: {self.file}}}")

    def talk(self, host):
        """The talk by previous responses and as a conversation, plain and streamed."""
        answers, last = [], {}
        for number, (question, _) in enumerate(TALK):
            body = {"input": question, **last}
            if number % 2:
                response, text = streamed(host, body)
                answers.append(text)
            else:
                response = host.request("/responses", body)[1]
            self.assertEqual(response["status"], "completed", response)
            answers.append([plain(item) for item in response["output"]])
            last = {"previous_response_id": response["id"]}
        return answers

    def test_what_was_recorded_is_answered_again(self):
        plan = [reply for _, replies in TALK for reply in replies]
        with self.recorded(plan, "--record", str(self.file)) as host:
            first = self.talk(host)
            self.assertIn(f"recording what users ask and the model answers to {self.file}", host.said())
        self.assertEqual(plan, [])
        kinds = [item["type"] for item in first[2]]
        self.assertEqual(kinds, ["function_call"] * 3 + ["function_call_output"] * 3 +
                         ["message", "function_call", "function_call_output", "message"])
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        with self.played() as host:
            self.assertEqual(self.talk(host), first)
            self.assertEqual(self.talk(host), first)  # and whenever it is asked for

    def test_the_file_may_say_it_and_a_recording_goes_on(self):
        agent = "model: {kind: chat, record: turns.yaml}"
        for question, words in ("One", "1."), ("Two", "2."):
            with self.recorded([(words, [])], agent=agent) as host:
                host.ask(question)
        with self.played() as host:
            for question, words in ("One", "1."), ("Two", "2."):
                self.assertEqual(host.ask(question)["output"][0]["content"][0]["text"], words)

    def test_credentials_stay_out(self):
        plan = [(f"Your key is {KEY}", [f"print('{KEY}')"]), ("sk-abcdefghijklmnopqrstuvwx", [])]
        with self.recorded(plan, "--record", str(self.file)) as host:
            self.assertEqual(host.ask(f"Is it {KEY}?")["status"], "completed")
        text = self.file.read_text()
        self.assertNotIn(KEY, text)
        self.assertNotIn("abcdefghijklmnop", text)
        with self.played() as host:
            output = host.ask(f"Is it {KEY}?")["output"]
            self.assertEqual(output[0]["content"][0]["text"], "Your key is [secret]")
            self.assertEqual(json.loads(output[1]["arguments"]), {"code": "print('[secret]')"})

    def test_what_a_script_cannot_say_is_a_comment(self):
        plan = [("Look:", ["print(1)"]), 400, (None, [["get_weather"]]), ("Fine.", [])]
        tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
        with self.recorded(plan, "--record", str(self.file)) as host:
            self.assertEqual(host.ask("This fails")["status"], "failed")
            host.request("/responses", {"input": "The weather?", "tools": [tool]})
            self.assertEqual(host.ask("And now?")["status"], "completed")
        text = self.file.read_text()
        self.assertIn("# The turn ended early, which a script cannot play: failed: ", text)
        self.assertIn("# A turn that is not recorded: it calls a function that is not the agent's own\n"
                      "  # That function: get_weather\n", text)
        with self.played() as host:
            output = host.ask("This fails")["output"]
            self.assertEqual(output[0]["content"][0]["text"], "Look:")
            self.assertEqual(host.ask("And now?")["output"][0]["content"][0]["text"], "Fine.")

    def test_check_refuses_what_serve_would(self):
        script = "turns: [{say: Hello.}]\n"
        self.file.write_text(script)
        nowhere = self.top / "nowhere" / "x.yaml"
        for model, wanted in ((f"{{kind: script, script: {self.file}, record: turns.yaml}}", "is the script that is played"),
                              ("{record: turns.yaml}", "is no recording of cloche's"),
                              (f"{{record: {nowhere}}}", "No such file or directory"),
                              ("{record: new.yaml}", None)):
            with self.subTest(model=model):
                self.agent.write_text(f"model: {model}\n")
                ended = subprocess.run([PROGRAM, "check", str(self.agent)], env={**CLEAN, **IMAGE, **WALL},
                                       capture_output=True, text=True, timeout=GENEROUS)
                self.assertEqual(ended.returncode != 0, wanted is not None, ended)
                self.assertIn(wanted or "", ended.stdout + ended.stderr)
                if wanted:
                    self.assertIn("agent.yaml:1:", ended.stdout + ended.stderr)
        self.assertEqual(self.file.read_text(), script)
        self.assertFalse((self.top / "new.yaml").exists())
        self.agent.write_text("{}")
        ended = subprocess.run([PROGRAM, "serve", "--port", "0", "--record", str(self.file), str(self.agent)],
                               env={**CLEAN, **IMAGE, **WALL}, capture_output=True, text=True, timeout=GENEROUS)
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("is no recording of cloche's", ended.stderr)


if __name__ == "__main__":
    unittest.main()
