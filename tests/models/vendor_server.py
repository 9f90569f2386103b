"""The servers of the makers, as far as the tests need them: Microsoft Entra ID, a Foundry project, an Azure OpenAI
resource, OpenAI, Anthropic, IMDS and App Service. Each request is written down, and that to a model checked against the
types of the maker's own client; what is answered is theirs as well."""

import http.server
import itertools
import json
import re
import ssl
import threading
import time
import urllib.parse

from anthropic.types import Message, RawMessageStreamEvent, message_create_params
from openai.types.chat import ChatCompletionChunk, completion_create_params
from openai.types.responses import ResponseStreamEvent, response_create_params
from pydantic import TypeAdapter
from types_check import Wrong, check

CODE = "print(6 * 7)"
SCHEMAS = {"responses": response_create_params.ResponseCreateParamsStreaming,
           "chat": completion_create_params.CompletionCreateParamsStreaming,
           "messages": message_create_params.MessageCreateParamsStreaming}
EVENTS = {"responses": TypeAdapter(ResponseStreamEvent), "chat": TypeAdapter(ChatCompletionChunk),
          "messages": TypeAdapter(RawMessageStreamEvent)}
PROTOCOLS = [("responses", r"/responses$"), ("chat", r"/chat/completions$"), ("messages", r"/messages$")]


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")

    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode()))

    def json(self):
        return json.loads(self.body)


def protocol_of(request):
    return next((name for name, path in PROTOCOLS if re.search(path, request.path)), None)


# ---- what is answered, as [(event's name or None, data)] ----

def responses(turn):
    tier = {"service_tier": turn["tier"]} if "tier" in turn else {}
    base = {**tier, "id": "resp_1", "object": "response", "created_at": 0.0, "model": "served-1", "output": [], "status": "in_progress",
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    numbers = itertools.count()

    def event(kind, **rest):
        return kind, {"type": kind, "sequence_number": next(numbers), **rest}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": turn["say"], "annotations": []}]} if "say" in turn else {
        "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "execute_code", "status": "completed",
        "arguments": json.dumps({"code": turn["code"]})}
    yield event("response.created", response=base)
    if "found" in turn:
        yield event("response.output_item.added", output_index=0, item={**turn["found"], "status": "in_progress"})
        yield event("response.web_search_call.searching", output_index=0, item_id=turn["found"]["id"])
        yield event("response.output_item.done", output_index=0, item=turn["found"])
    if "thought" in turn:
        yield event("response.output_item.done", output_index=0, item={
            "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": turn["thought"]})
    yield event("response.output_item.done", output_index=1 if {"thought", "found"} & turn.keys() else 0, item=item)
    yield event("response.completed", response={**base, "status": "completed", "usage": {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 17}})


def chat(turn):
    def chunk(delta, reason=None, **rest):
        return None, {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "served-1", "choices": [
            {"index": 0, "delta": delta, "finish_reason": reason}], **rest,
            **({"service_tier": turn["tier"]} if "tier" in turn else {})}
    if "say" in turn:
        yield chunk({"role": "assistant", "content": turn["say"]})
        yield chunk({}, "stop")
    else:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {
            "name": "execute_code", "arguments": json.dumps({"code": turn["code"]})}}]})
        yield chunk({}, "tool_calls")
    yield None, {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "served-1", "choices": [], "usage": {
        "prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}}


def messages(turn):
    def event(kind, **rest):
        return kind, {"type": kind, **rest}
    yield event("message_start", message={
        "id": "msg_1", "type": "message", "role": "assistant", "model": "served-1", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3,
                                         "output_tokens": 1,
                                         **({"service_tier": turn["tier"]} if "tier" in turn else {})}})
    blocks = []
    if "thought" in turn:
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": "Let me "}, {"type": "thinking_delta", "thinking": "think."},
            {"type": "signature_delta", "signature": turn["thought"]}]))
        blocks.append(({"type": "redacted_thinking", "data": "hidden-" + turn["thought"]}, []))
    if "say" in turn:
        half = len(turn["say"]) // 2
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": part}
                                                      for part in (turn["say"][:half], turn["say"][half:])]))
    if "code" in turn:
        text = json.dumps({"code": turn["code"]})
        blocks.append(({"type": "tool_use", "id": "toolu_1", "name": "execute_code", "input": {}}, [
            {"type": "input_json_delta", "partial_json": part} for part in ("", text[:5], text[5:])]))
    for index, (block, deltas) in enumerate(blocks):
        yield event("content_block_start", index=index, content_block=block)
        yield "ping", {"type": "ping"}
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": turn.get("reason") or ("tool_use" if "code" in turn else "end_turn"),
                                        "stop_sequence": None}, usage={"output_tokens": 7})
    yield event("message_stop")


ANSWERS = {"responses": responses, "chat": chat, "messages": messages}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
        self.server.vendor.answer(request, self)

    do_POST = do_GET = answer

    def send(self, status, body, kind="application/json", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up, or trusts another authority, is what some tests want."""


class Vendor:
    """For a with statement. `plan`: what the next requests to models get: {"code": …}, {"say": …}, with {"thought": …, "found":
    what a hosted tool did, "tier": …};
    {"status": …, "body": …, "headers": […]}; a request without a plan runs CODE, and says what came of it next.
    `tokens`: what the next requests for tokens get: a text, or (status, JSON)."""

    def __init__(self, folder=None, plan=(), tokens=()):
        self.plan, self.tokens = list(plan), list(tokens)
        self.requests, self.wrong, self.hang = [], [], threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.vendor = self
        if folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if folder else 'http'}://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()

    def of(self, pattern):
        return [one for one in self.requests if re.search(pattern, one.path)]

    def models(self):
        return [one for one in self.requests if protocol_of(one)]

    def answer(self, request, handler):
        self.requests.append(request)
        protocol = protocol_of(request)
        try:
            if protocol:
                self.model(protocol, request, handler)
            else:
                self.token(handler)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def token(self, handler):
        said = self.tokens.pop(0) if self.tokens else "token-0"
        if said == "hang":
            self.hang.wait(600)
            return
        status, body = said if isinstance(said, tuple) else (200, {
            "token_type": "Bearer", "access_token": said, "expires_in": 3600, "expires_on": str(int(time.time()) + 3600)})
        handler.send(status, json.dumps(body).encode())

    def model(self, protocol, request, handler):
        try:
            check(request.json(), SCHEMAS[protocol])
        except (Wrong, ValueError) as why:
            self.wrong.append(f"{protocol}: {why}")
            handler.send(400, json.dumps({"error": {"message": str(why)}}).encode())
            return
        turn = self.plan.pop(0) if self.plan else {"code": CODE} if b"6 * 7" not in request.body else {"say": "It is 42."}
        if "status" in turn:
            handler.send(turn["status"], json.dumps(turn.get("body", {})).encode(), headers=turn.get("headers", ()))
            return
        text = ""
        for name, data in ANSWERS[protocol](turn):
            if name != "ping":
                EVENTS[protocol].validate_python(data)
            text += (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
        text += "" if protocol == "messages" else "data: [DONE]\n\n"
        handler.send(200, text.encode(), "text/event-stream", turn.get("headers", ()))


__all__ = ["CODE", "Message", "Vendor"]
