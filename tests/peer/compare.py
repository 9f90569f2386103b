"""What two hosts answered to the same request, and in what they differ.

An answer is made comparable first: ids, times and the words of messages are replaced by what they are, as each host has
its own; a stream becomes the types of its events in order, with pieces of the same text as one, the names of each
event's fields, and its last response. What differs has a name, `KIND PLACE`:

    status                      the HTTP status
    kind                        what came: a response and how it ended, an error, something else. Where these differ the
                                rest of the body is not compared
    header NAME                 there or not; of cache-control, content-type, x-accel-buffering and allow the value
    body PLACE                  a value of the JSON, `output[].content[].text`: of a list all elements alike
    events                      the types of the events of a stream, in order
    fields TYPE                 the names of the fields of an event of that type
"""

import json
import re

HEADERS = ("x-request-id", "x-platform-server", "x-agent-session-id", "x-platform-error-source", "x-platform-error-detail",
           "retry-after")
VALUES = ("content-type", "cache-control", "x-accel-buffering", "allow")
VOLATILE = re.compile(r"(^|[._])(id|created_at|completed_at|call_id|first_id|last_id|response_id|item_id|server|version|name_id)$|_id$")
WORDS = re.compile(r"(^|\.)(message|request_id)$")
RUNS = re.compile(r"^output\[\]\.(output|arguments)$")


def flat(value, place=""):
    """{place: set of values} of a JSON value."""
    if isinstance(value, dict):
        found = {}
        for name, one in value.items():
            for inner, values in flat(one, f"{place}.{name}" if place else name).items():
                found.setdefault(inner, set()).update(values)
        return found or {place: {"{}"}}
    if isinstance(value, list):
        found = {}
        for one in value:
            for inner, values in flat(one, place + "[]").items():
                found.setdefault(inner, set()).update(values)
        return found or {place: {"[]"}}
    kind = "null" if value is None else type(value).__name__
    if value is not None and (VOLATILE.search(place) or WORDS.search(place) or RUNS.search(place)):
        return {place: {f"<{kind}>"}}
    return {place: {json.dumps(value, ensure_ascii=False)}}


def events_of(text):
    """[(type, data)] of a stream; comments and the last [DONE] are none."""
    found = []
    for block in re.split(r"\r?\n\r?\n", text):
        data = "\n".join(line[5:].lstrip() for line in block.splitlines() if line.startswith("data:"))
        if data and data != "[DONE]":
            event = json.loads(data)
            found.append((event.get("type"), event))
    return found


def in_order(events):
    types = []
    for kind, _ in events:
        if not (types and types[-1] == kind and kind.endswith(".delta")):
            types.append(kind)
    return types


NO_JSON = {"text": "no JSON"}


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.text = status, text
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.events, self.body = [], {}
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            self.events = events_of(text)
            self.body = next((event["response"] for _, event in reversed(self.events) if "response" in event), {})
        elif text:
            try:
                self.body = json.loads(text)
            except ValueError:
                self.body = NO_JSON

    def kind(self):
        if self.body.get("object") == "response" and "status" in self.body:
            return "response " + self.body["status"]
        if set(self.body) == {"error"}:
            return "error"
        return "text" if self.body == NO_JSON else self.body.get("object", "JSON")

    def facts(self):
        """{name of the fact: its value}"""
        facts = {"status": str(self.status), "kind": self.kind()}
        for name in HEADERS:
            facts[f"header {name}"] = "there" if name in self.headers else None
        for name in VALUES:
            facts[f"header {name}"] = self.headers.get(name)
        for place, values in flat(self.body).items():
            facts[f"body {place}"] = " | ".join(sorted(values))
        if self.events:
            facts["events"] = " ".join(kind or "-" for kind in in_order(self.events))
            for kind, event in self.events:
                facts[f"fields {kind}"] = " ".join(sorted(event))
            numbers = [event.get("sequence_number") for _, event in self.events]
            facts["sequence numbers"] = "in order" if numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers))) else "not"
        return facts


def differences(peer, ours):
    """{name of the fact: (the peer's, ours)}, None: not there."""
    a, b = peer.facts(), ours.facts()
    names = sorted({*a, *b})
    if a["kind"] != b["kind"]:
        names = [name for name in names if not name.startswith(("body", "fields", "events"))]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}
