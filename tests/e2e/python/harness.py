"""Each client library from PyPI plays the cases of ../clients/cases.json, as those from npm do
(../lib/clients.mjs says what is checked). A file client_*.py is one adapter:

    play("NAME", Chat, ways={"previous_response_id": {}, ...})

    class Chat:                              # one conversation
        def __init__(self, base_url, way, stream, tools): ...
        def ask(self, text): ...             # or async; a turn to its end: (text, outputs)

`tools` are functions with a name and a docstring. `shows` are the modes ("whole", "streamed") in which
the client has a place for what the server's own code printed. Of a way may be said: {"forgets": "runs"},
its client leaves the server's items out of what it sends again (or "code", "output": a part of them);
{"repeats": True}, with its tool's answer it sends again what the user said; and the same for one mode,
{"streamed": {...}}.

run.py runs each in a process of its own, whose arguments choose tests by a part of their names. A line
for each: `ok NAME` or `not ok NAME` and what failed; the last is `played`.
"""

import asyncio
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILD = Path(os.environ["CLOCHE_BUILD"])
PROGRAM = os.environ.get("CLOCHE_BIN", BUILD / "cloche")
AGENT = HERE.parent / "agents" / "quick.yaml"
DATA = json.loads((HERE.parent / "clients" / "cases.json").read_text())
START = 300  # seconds until a server must listen
LIMIT = 240  # seconds for all tests of a client


def until(question, timeout=5):
    end = time.monotonic() + timeout
    while not question() and time.monotonic() < end:
        time.sleep(0.002)


class Server:
    """A program that says where it listens."""

    def __init__(self, words, log, env=None):
        self.log = open(log, "w+b")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, cwd=ROOT, env=env)
        end = time.monotonic() + START
        while not (found := re.search(rb"listening on (http://\S+)", self.said())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"{words[0]} did not start: {self.said().decode()}")
            time.sleep(0.02)
        self.url = found.group(1).decode()

    def said(self):
        return Path(self.log.name).read_bytes()

    def events(self):
        """The log lines that are JSON: one at the end of each request."""
        return [json.loads(line) for line in self.said().split(b"\n")[:-1] if line.startswith(b"{")]

    def requests(self):
        """What the server answered at /responses: "status outcome", one a request."""
        return [f"{event['status']} {event['outcome']}" for event in self.events() if event["event"] == "request"
                and event["method"] == "POST" and event["path"].endswith("/responses")]

    def requests_since(self, number, wanted):
        """Of a turn that was to make `wanted`: what came before another, later one is in the log."""
        until(lambda: len(self.requests()) - number >= wanted)
        mark = unique()
        later = urllib.request.Request(self.url + "/liveness", headers={"x-request-id": mark})
        urllib.request.urlopen(later).close()
        until(lambda: any(event.get("request") == mark for event in self.events()))
        return self.requests()[number:]

    def stop(self):
        self.process.terminate()
        self.process.wait(START)


class Model:
    """The scripted model server, over its HTTP side."""

    def __init__(self, url):
        self.url = url.removesuffix("/v1")

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, method=method)) as reply:
            return json.load(reply)

    def requests(self):
        return self.call("GET", "/_requests")


@contextmanager
def servers(name):
    logs = BUILD / "clients" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items()
            if not re.match(r"OPENAI_|AZURE_|FOUNDRY_|PORT$", k)}
    node = HERE.parent / "node_modules" / ".bin" / "node"
    model = Server([node, HERE.parent / "model-server" / "server.mjs", "--key", "k"], logs / f"{name}.model")
    try:
        env = {"CLOCHE_EXAMPLE_TOOLS": str(BUILD / "examples" / "example_tools.so"), **kept,
               "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"}
        server = Server([PROGRAM, "serve", AGENT, "--port", "0"], logs / f"{name}.server", env)
        try:
            yield server, Model(model.url)
        finally:
            server.stop()
    finally:
        model.stop()


def equal(found, wanted, what):
    assert found == wanted, f"{what}: {found!r}, where {wanted!r} was wanted"


def matches(pattern, text, what):
    assert re.search(pattern, text or ""), f"{what}: {text!r} does not match {pattern!r}"


def take_turn(loop, server, model, chat, turn, called):
    before = len(server.requests()), len(model.requests()), len(called)
    answer = chat.ask(turn["say"])
    text, outputs = loop.run_until_complete(answer) if inspect.isawaitable(answer) else answer
    wanted = 1 + turn.get("tool_calls", 0)
    made = server.requests_since(before[0], wanted)
    equal(len(model.requests()) - before[1], turn["model_calls"], "questions to the model")
    equal(made, ["200 completed"] * wanted, "requests of this turn")
    equal(len(called) - before[2], turn.get("tool_calls", 0), "calls of the client's own tool")
    matches(turn["answer"], text, "the answer")
    return outputs


def text_of(item):
    return item["content"] if isinstance(item["content"], str) else item["content"][0]["text"]


def check_history(request, turns, forgets=None, repeats=False, **_):
    """What the model was given in the last turn."""
    times = [1 + (turn.get("tool_calls", 0) if repeats else 0) for turn in turns]
    given = request["body"]["input"]
    equal([text_of(item) for item in given if item.get("role") == "user"],
          [turn["say"] for turn, n in zip(turns, times) for _ in range(n)], "what was said")
    calls = [item for item in given if item["type"] == "function_call"]
    answers = [text_of(item) for item in given if item.get("role") == "assistant"]
    equal(len(answers), len(turns) - 1, "answers in the history")
    for answer, turn in zip(answers, turns):
        matches(turn["answer"], answer, "an answer in the history")
    runs = [call for call in calls if call["name"] == "execute_code"]
    count = {key: sum(turn.get(key, 0) for turn in turns) for key in ("runs", "tool_calls")}
    equal(len(runs), 0 if forgets == "runs" else count["runs"], "runs in the history")
    equal(len([call for call in calls if call["name"] == DATA["tool"]["name"]]), count["tool_calls"],
          "calls of its tool in the history")
    for call in runs:
        code = json.loads(call["arguments"]).get("code", "")
        equal("print" in code, forgets != "code", "the code in the history")
        output = [item["output"] for item in given if item["type"] == "function_call_output"
                  and item["call_id"] == call["call_id"]]
        equal("42" in "".join(output), forgets != "output", "what the code printed, in the history")


def tool(called):
    def get_weather(city: str) -> str:
        called.append(city)
        return DATA["tool"]["result"]

    get_weather.__doc__ = DATA["tool"]["description"]
    return get_weather


def play_case(loop, server, model, case, make, stream, way, about, shows):
    model.call("DELETE", "/_requests")
    model.call("PUT", "/_rules", case.get("rules", []))
    called = []
    chat = make(f"{server.url}/v1", way, stream, [tool(called)] if case.get("tools") else [])
    for turn in case["turns"]:
        outputs = take_turn(loop, server, model, chat, turn, called)
        shown = ("streamed" if stream else "whole") in shows
        equal(len(outputs), turn.get("runs", 0) if shown else 0, "outputs that it shows")
        for output in outputs:
            matches("42", output, "an output that it shows")
    if len(case["turns"]) > 1:
        check_history(model.requests()[-1], case["turns"], **about)


def plays(ways, tools):
    for case in DATA["cases"]:
        for mode in ("whole", "streamed"):
            if case.get("tools") and not tools:
                continue
            for way, about in list(ways.items())[:None if case.get("each_way") else 1]:
                about = {**about, **about.get(mode, {})}
                if case.get("keeps") and (about.get("forgets") or about.get("repeats")):
                    continue
                yield case, mode == "streamed", way, about


def play(name, make, ways, shows=("whole", "streamed"), tools=True):
    loop, only = asyncio.new_event_loop(), " ".join(sys.argv[1:])
    asyncio.set_event_loop(loop)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"stopped after {LIMIT} s"))  # and ends the servers
    signal.alarm(LIMIT)
    with servers(name) as (server, model):
        for case, stream, way, about in plays(ways, tools):
            title = f"{name}: {case['name']}" + (f" by {way}" if case.get("each_way") else "") + (
                ", streamed" if stream else "")
            if only not in title:
                continue
            try:
                play_case(loop, server, model, case, make, stream, way, about, shows)
                print("ok", title, flush=True)
            except Exception:  # whatever a client raises is a result
                print("not ok", title, "\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
    print("played", name, flush=True)


def unique():
    return f"talk-{uuid.uuid4()}"


def schema(function):
    """A tool as the protocol has it, for clients that take it so."""
    return {"type": "function", "name": function.__name__, "description": function.__doc__, "strict": True,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
                           "required": ["city"], "additionalProperties": False}}
