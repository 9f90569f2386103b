"""litellm: its own call of this protocol, and chat completions that it carries over it."""

import json

import litellm

from harness import play, schema, unique

WAYS = {"previous_response_id": {}, "replay": {}, "replay, nothing stored": {}, "conversation": {}}


class Chat:
    """litellm.responses"""

    def __init__(self, base_url, way, stream, tools):
        self.place = {"model": "openai/m", "api_base": base_url, "api_key": "any", "num_retries": 0}
        self.way, self.stream, self.tools = way, stream, {tool.__name__: tool for tool in tools}
        self.items, self.last, self.name = [], None, unique()

    def body(self, added):
        if self.way == "previous_response_id":
            return {"input": added, "previous_response_id": self.last}
        if self.way == "conversation":
            return {"input": added, "extra_body": {"conversation": self.name}}
        return {"input": self.items + added, "store": self.way == "replay"}

    def request(self, added):
        tools = [schema(tool) for tool in self.tools.values()]
        response = litellm.responses(**self.place, tools=tools, stream=self.stream, **self.body(added))
        if self.stream:
            events = list(response)
            response = [event for event in events if event.type == "response.completed"][-1].response
        self.last = response.id
        self.items += [*added, *(json.loads(response.model_dump_json())["output"])]
        return self.items[-len(response.output):]

    def ask(self, text):
        added, outputs = [{"role": "user", "content": text}], []
        while True:
            items = self.request(added)
            outputs += [item["output"] for item in items if item["type"] == "mcp_call"]
            calls = [item for item in items if item["type"] == "function_call"]
            if not calls:
                return items[-1]["content"][0]["text"], outputs
            added = [{"type": "function_call_output", "call_id": call["call_id"],
                      "output": self.tools[call["name"]](**json.loads(call["arguments"]))} for call in calls]


class Completion:
    """litellm.completion of a model that is said to have this protocol alone."""

    def __init__(self, base_url, way, stream, tools):
        self.place = {"model": "openai/responses/m", "api_base": base_url, "api_key": "any", "num_retries": 0}
        self.stream, self.tools, self.messages = stream, {tool.__name__: tool for tool in tools}, []

    def request(self):
        tools = [{"type": "function", "function": {k: v for k, v in schema(tool).items() if k != "type"}}
                 for tool in self.tools.values()]
        answer = litellm.completion(**self.place, messages=self.messages, tools=tools or None, stream=self.stream)
        if self.stream:
            answer = litellm.stream_chunk_builder(list(answer), messages=self.messages)
        return answer.choices[0].message

    def ask(self, text):
        self.messages.append({"role": "user", "content": text})
        while True:
            message = self.request()
            self.messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                return message.content, []
            for call in message.tool_calls:
                said = self.tools[call.function.name](**json.loads(call.function.arguments))
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


play("litellm.responses", Chat, WAYS)
play("litellm.completion", Completion, {"replay": {"forgets": "runs"}}, shows=())
