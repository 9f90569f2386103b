"""The requests that both hosts are sent, in this order: `talk(NAME, METHOD, PATH, BODY, **headers)` sends one, keeps
what came under its name, and returns the answer's body (of a stream its last response)."""

import time

HELLO = {"input": "hello"}
CODE = {"input": "```python\nprint(6 * 7)\n```"}
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather.", "strict": True,
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                          "additionalProperties": False}}
MISSING = "caresp_" + "0" * 16 + "00" + "A" * 32
RULES = [
    {"when": "^slow", "steps": [{"say": "word " * 40, "delay": 150}]},
    {"when": "^refuse400", "steps": [{"status": 400, "error": "The model does not take that."}]},
    {"when": "^refuse401", "steps": [{"status": 401, "error": "No such key."}]},
    {"when": "^refuse429", "steps": [{"status": 429, "error": "Slow down.", "headers": {"retry-after": "0"}}] * 9},
    {"when": "^broken", "steps": [{"say": "a long answer that is cut off in its midst, " * 9, "cut": 8}]},
    {"when": "^two runs", "steps": [{"code": "print(1)"}, {"code": "print(2)"}, {"say": "Done."}]},
    {"when": "^at once", "steps": [{"calls": [{"name": "execute_code", "arguments": {"code": "print(1)"}},
                                              {"name": "execute_code", "arguments": {"code": "print(2)"}}]}]},
    {"when": "^say and run", "steps": [{"say": "Let me see.", "code": "print(3)"}]},
    {"when": "^unknown tool", "steps": [{"calls": [{"name": "nowhere", "arguments": {}}]}, {"say": "Sorry."}]},
    {"when": "weather", "steps": [{"calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}]}]},
]


def user(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def plain(talk):
    talk("text", "POST", "/responses", HELLO)
    talk("list of messages", "POST", "/responses", {"input": [user("hello")]})
    talk("message with a string", "POST", "/responses", {"input": [{"role": "user", "content": "hello"}]})
    talk("history in the input", "POST", "/responses", {"input": [
        user("one"), {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
            {"type": "output_text", "text": "yes", "annotations": []}]}, user("two")]})
    talk("developer and system", "POST", "/responses", {"input": [
        {"role": "developer", "content": "Be brief."}, {"role": "system", "content": "Be kind."}, user("hello")]})
    talk("other alphabets", "POST", "/responses", {"input": "héllo, 世界 🙂"})
    talk("instructions", "POST", "/responses", {**HELLO, "instructions": "In French."})
    talk("model", "POST", "/responses", {**HELLO, "model": "any"})
    talk("metadata", "POST", "/responses", {**HELLO, "metadata": {"k": "v"}})
    talk("sampling", "POST", "/responses", {**HELLO, "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 500})
    talk("not stored", "POST", "/responses", {**HELLO, "store": False})
    talk("user", "POST", "/responses", {**HELLO, "user": "u-1"})
    talk("session id", "POST", "/responses", {**HELLO, "agent_session_id": "sess-1"})
    talk("agent reference", "POST", "/responses", {**HELLO, "agent_reference": {"type": "agent_reference", "name": "quick"}})
    talk("unknown field", "POST", "/responses", {**HELLO, "colour": "blue"})
    talk("request id", "POST", "/responses", HELLO, **{"x-request-id": "req-7"})
    talk("response id", "POST", "/responses", HELLO, **{"x-agent-response-id": MISSING[:-1] + "B"})
    talk("response id again", "POST", "/responses", HELLO, **{"x-agent-response-id": MISSING[:-1] + "B"})
    talk("trace", "POST", "/responses", HELLO, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")


def streams(talk):
    talk("stream", "POST", "/responses", {**HELLO, "stream": True})
    talk("stream of a run", "POST", "/responses", {**CODE, "stream": True})
    talk("stream, not stored", "POST", "/responses", {**HELLO, "stream": True, "store": False})
    talk("stream with options", "POST", "/responses", {**HELLO, "stream": True, "stream_options": {"include_obfuscation": False}})
    talk("stream of two runs", "POST", "/responses", {"input": "two runs", "stream": True})
    talk("stream of runs at once", "POST", "/responses", {"input": "at once", "stream": True})
    talk("stream of a failing model", "POST", "/responses", {"input": "refuse400", "stream": True})
    talk("stream that breaks off", "POST", "/responses", {"input": "broken", "stream": True})
    talk("stream of a client's tool", "POST", "/responses", {"input": "weather?", "stream": True, "tools": [WEATHER]})


def tools(talk):
    talk("run", "POST", "/responses", CODE)
    talk("run that fails", "POST", "/responses", {"input": "```python\n1 / 0\n```"})
    talk("two runs", "POST", "/responses", {"input": "two runs"})
    talk("runs at once", "POST", "/responses", {"input": "at once"})
    talk("words and a run", "POST", "/responses", {"input": "say and run"})
    talk("tool that is not there", "POST", "/responses", {"input": "unknown tool"})
    called = talk("client's tool", "POST", "/responses", {"input": "weather?", "tools": [WEATHER]})
    calls = [item for item in called.get("output", []) if item["type"] == "function_call"]
    talk("client's tool answers", "POST", "/responses", {
        "previous_response_id": called.get("id"), "tools": [WEATHER], "input": [
            {"type": "function_call_output", "output": "sunny", "call_id": calls[-1]["call_id"] if calls else "call_1"}]})
    talk("output of no call", "POST", "/responses", {"input": [
        {"type": "function_call_output", "output": "sunny", "call_id": "call_nowhere"}]})
    talk("no tool wanted", "POST", "/responses", {**HELLO, "tool_choice": "none"})


def previous(talk):
    first = talk("first", "POST", "/responses", {"input": "one"})
    second = talk("second", "POST", "/responses", {"input": "two", "previous_response_id": first["id"]})
    talk("third", "POST", "/responses", {"input": "three", "previous_response_id": second["id"]})
    talk("branch", "POST", "/responses", {"input": "other", "previous_response_id": first["id"]})
    talk("previous of a stream", "POST", "/responses", {"input": "four", "stream": True, "previous_response_id": second["id"]})
    talk("previous unknown", "POST", "/responses", {**HELLO, "previous_response_id": MISSING})
    talk("previous malformed", "POST", "/responses", {**HELLO, "previous_response_id": "resp_1"})
    gone = talk("not to be kept", "POST", "/responses", {**HELLO, "store": False})
    talk("previous not stored", "POST", "/responses", {**HELLO, "previous_response_id": gone["id"]})
    failed = talk("model refuses", "POST", "/responses", {"input": "refuse400"})
    talk("previous failed", "POST", "/responses", {**HELLO, "previous_response_id": failed["id"]})


def conversations(talk):
    talk("conversation", "POST", "/responses", {"input": "one", "conversation": "conv_compare_1"})
    talk("conversation goes on", "POST", "/responses", {"input": "two", "conversation": {"id": "conv_compare_1"}})
    first = talk("conversation, streamed", "POST", "/responses", {"input": "three", "conversation": "conv_compare_1", "stream": True})
    talk("conversation and previous", "POST", "/responses", {
        **HELLO, "conversation": "conv_compare_1", "previous_response_id": first.get("id") or MISSING})
    talk("conversation of a number", "POST", "/responses", {**HELLO, "conversation": 7})


def stored(talk):
    one = talk("to be read", "POST", "/responses", CODE)["id"]
    talk("read", "GET", f"/responses/{one}")
    talk("read as stream", "GET", f"/responses/{one}?stream=true")
    talk("input items", "GET", f"/responses/{one}/input_items")
    talk("input items, ascending", "GET", f"/responses/{one}/input_items?order=asc&limit=1")
    talk("input items, limit 0", "GET", f"/responses/{one}/input_items?limit=0")
    talk("input items, order up", "GET", f"/responses/{one}/input_items?order=up")
    talk("cancel of a synchronous one", "POST", f"/responses/{one}/cancel")
    talk("delete", "DELETE", f"/responses/{one}")
    talk("read what is deleted", "GET", f"/responses/{one}")
    talk("previous deleted", "POST", "/responses", {**HELLO, "previous_response_id": one})
    talk("delete again", "DELETE", f"/responses/{one}")
    talk("read unknown", "GET", f"/responses/{MISSING}")
    talk("read malformed", "GET", "/responses/resp_1")
    talk("cancel unknown", "POST", f"/responses/{MISSING}/cancel")
    talk("input items unknown", "GET", f"/responses/{MISSING}/input_items")
    hidden = talk("hidden", "POST", "/responses", {**HELLO, "store": False})["id"]
    talk("read what is not stored", "GET", f"/responses/{hidden}")


def ended(talk, one):
    """Until it is over; what it takes differs, and is not compared."""
    for _ in range(600):
        if talk(None, "GET", f"/responses/{one}").get("status") not in ("queued", "in_progress"):
            return
        time.sleep(0.2)


def background(talk):
    one = talk("background", "POST", "/responses", {**CODE, "background": True})["id"]
    ended(talk, one)
    talk("background, read", "GET", f"/responses/{one}")
    talk("background, cancelled too late", "POST", f"/responses/{one}/cancel")
    talk("background, deleted", "DELETE", f"/responses/{one}")
    one = talk("background, streamed", "POST", "/responses", {**CODE, "background": True, "stream": True}).get("id") or MISSING
    ended(talk, one)
    talk("replay", "GET", f"/responses/{one}?stream=true")
    talk("replay from 3", "GET", f"/responses/{one}?stream=true&starting_after=3")
    talk("replay from nowhere", "GET", f"/responses/{one}?stream=true&starting_after=x")
    one = talk("background, slow", "POST", "/responses", {"input": "slow", "background": True})["id"]
    talk("delete in flight", "DELETE", f"/responses/{one}")
    talk("cancel", "POST", f"/responses/{one}/cancel")
    talk("cancel again", "POST", f"/responses/{one}/cancel")
    ended(talk, one)
    talk("read what was cancelled", "GET", f"/responses/{one}")
    talk("background, not stored", "POST", "/responses", {**HELLO, "background": True, "store": False})


def failures(talk):
    talk("model refuses the key", "POST", "/responses", {"input": "refuse401"})
    talk("model is busy", "POST", "/responses", {"input": "refuse429"})
    talk("model breaks off", "POST", "/responses", {"input": "broken"})


def bad_input(talk):
    talk("no JSON", "POST", "/responses", b"{not json")
    talk("nothing", "POST", "/responses", b"")
    talk("a list", "POST", "/responses", [])
    talk("no input", "POST", "/responses", {})
    for name, fields in {
            "input of a number": {"input": 7}, "input of null": {"input": None}, "input empty": {"input": ""},
            "input of no items": {"input": []}, "item of an unknown type": {"input": [{"type": "weather"}]},
            "role unknown": {"input": [{"role": "king", "content": "x"}]},
            "stream of a text": {**HELLO, "stream": "yes"}, "store of a number": {**HELLO, "store": 1},
            "temperature 5": {**HELLO, "temperature": 5}, "temperature of a text": {**HELLO, "temperature": "hot"},
            "top_p 2": {**HELLO, "top_p": 2}, "max_output_tokens 0": {**HELLO, "max_output_tokens": 0},
            "metadata of a list": {**HELLO, "metadata": []},
            "metadata, 17 pairs": {**HELLO, "metadata": {str(i): "v" for i in range(17)}},
            "metadata, long key": {**HELLO, "metadata": {"k" * 65: "v"}},
            "metadata, long value": {**HELLO, "metadata": {"k": "v" * 513}},
            "previous of a number": {**HELLO, "previous_response_id": 7},
            "stream_options without stream": {**HELLO, "stream_options": {"include_obfuscation": False}},
            "instructions of a number": {**HELLO, "instructions": 7}, "model of a number": {**HELLO, "model": 7},
            "tools of a text": {**HELLO, "tools": "all"}, "tool without a name": {**HELLO, "tools": [{"type": "function"}]},
            "background of a text": {**HELLO, "background": "yes"}}.items():
        talk(name, "POST", "/responses", fields)
    talk("response id with spaces", "POST", "/responses", HELLO, **{"x-agent-response-id": "a b"})
    talk("text/plain", "POST", "/responses", HELLO, **{"content-type": "text/plain"})


def routes(talk):
    talk("readiness", "GET", "/readiness")
    talk("liveness", "GET", "/liveness")
    talk("root", "GET", "/")
    talk("no such path", "GET", "/nowhere")
    talk("list of responses", "GET", "/responses")
    talk("put", "PUT", "/responses", HELLO)


PARTS = [routes, plain, streams, tools, previous, conversations, stored, background, failures, bad_input]
