"""Agent Framework's host and `cloche serve` before the same scripted model, asked the same (conversation.py). Each
difference is in the table of docs/agent-framework.md, with the reason; one that is not fails, and so does a row of which
nothing is left.

With CLOCHE_PEER_SHOW=FILE all that differs is written there, as JSON."""

import json
import os
import re
import socket
import sys
import time
import traceback
import urllib.error
import urllib.request
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from compare import Answer, differences
from conversation import PARTS, RULES
from harness import BUILD, ROOT, Server, servers

TIMEOUT = 120  # seconds for one answer
TABLE = ROOT / "docs" / "agent-framework.md"


class Talk:
    """Requests to one host; what came, by name."""

    def __init__(self, url):
        self.url, self.answers = url, {}

    def __call__(self, name, method, path, body=None, **headers):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method, headers={
            "content-type": "application/json", "x-cloche-items": "calls", **headers})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
                answer = Answer(reply.status, dict(reply.headers), reply.read().decode())
        except urllib.error.HTTPError as reply:
            answer = Answer(reply.code, dict(reply.headers), reply.read().decode())
        if name:
            assert name not in self.answers, f"two requests are called {name}"
            self.answers[name] = answer
        return answer.body


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def peer(model_url):
    env = {key: value for key, value in os.environ.items() if not re.match(r"AZURE_|FOUNDRY_|OPENAI_|PORT$|APPLICATIONINSIGHTS", key)}
    env.update(OPENAI_BASE_URL=model_url, ENABLE_INSTRUMENTATION="false", HOME=str(BUILD / "clients"))
    server = Server([sys.executable, Path(__file__).with_name("peer_server.py"), str(free_port())],
                    BUILD / "clients" / "logs" / "peer.host", env)
    try:
        yield server
    finally:
        server.stop()


def rows():
    """[(requests, facts, why)] of the table."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == 5:
            requests, facts = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
            found.append((requests, facts, cells[4]))
    return found


def listed(row, request, fact):
    return any(fnmatchcase(request, one) for one in row[0]) and any(fnmatchcase(fact, one.replace("[]", "[[]]")) for one in row[1])


def check(found, table):
    """Names of tests and what is wrong with each; None: nothing."""
    used = set()
    for request, facts in found.items():
        unlisted = []
        for fact, (theirs, ours) in facts.items():
            fits = [number for number, row in enumerate(table) if listed(row, request, fact)]
            used.update(fits)
            if not fits:
                unlisted.append(f"{fact}: Agent Framework {theirs}, Cloche {ours}")
        yield request, "\n".join(unlisted) or None
    for number, row in enumerate(table):
        title = f"row {', '.join(row[0])}: {', '.join(row[1])}"
        yield title, None if number in used else "nothing of it differs any more"
        if len(row[2]) < 10:
            yield title + ", why", "there is no reason"


def play_both():
    with servers("peer") as (server, model), peer(model.url + "/v1") as host:
        model.call("PUT", "/_rules", RULES)
        talks = Talk(host.url), Talk(server.url)
        for part in PARTS:
            for talk in talks:
                began = time.monotonic()
                part(talk)
                print(f"{part.__name__}: {time.monotonic() - began:.1f} s at {talk.url}", flush=True)
        theirs, ours = (talk.answers for talk in talks)
        assert list(theirs) == list(ours)
        return {name: differences(theirs[name], ours[name]) for name in theirs}


def main():
    try:
        found = play_both()
    except Exception:  # whatever it is, it is a result
        print("not ok peer: all requests\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
        return
    if os.environ.get("CLOCHE_PEER_SHOW"):
        Path(os.environ["CLOCHE_PEER_SHOW"]).write_text(json.dumps(found, indent=1, ensure_ascii=False))
    assert len(found) >= 80, len(found)
    for name, wrong in check(found, rows()):
        print(f"{'not ok' if wrong else 'ok'} peer: {name}" + ("\n    " + wrong.replace("\n", "\n    ") if wrong else ""), flush=True)
    print("played peer", flush=True)


main()
