"""The official client."""

import json

from openai import OpenAI

from harness import play, schema, unique

WAYS = {"previous_response_id": {}, "replay": {}, "replay, nothing stored": {}, "item_reference": {},
        "conversation": {}}


class Chat:
    def __init__(self, base_url, way, stream, tools):
        self.client = OpenAI(base_url=base_url, api_key="any", max_retries=0)
        self.way, self.stream, self.tools = way, stream, {tool.__name__: tool for tool in tools}
        self.items, self.last, self.name = [], None, unique()

    def body(self, added):
        if self.way == "previous_response_id":
            return {"input": added, "previous_response_id": self.last}
        if self.way == "conversation":
            return {"input": added, "conversation": self.name}
        return {"input": self.items + added, "store": self.way != "replay, nothing stored"}

    def request(self, added):
        whole = {"model": "m", "tools": [schema(tool) for tool in self.tools.values()], **self.body(added)}
        if self.stream:
            with self.client.responses.stream(**whole) as events:
                response = events.get_final_response()
        else:
            response = self.client.responses.create(**whole)
        self.last = response.id
        kept = response.output
        if self.way == "item_reference":
            kept = [{"type": "item_reference", "id": item.id} for item in kept]
        self.items += [*added, *kept]
        return response

    def ask(self, text):
        added, outputs = [{"role": "user", "content": text}], []
        while True:
            response = self.request(added)
            outputs += [item.output for item in response.output if item.type == "mcp_call"]
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return response.output_text, outputs
            added = [{"type": "function_call_output", "call_id": call.call_id,
                      "output": self.tools[call.name](**json.loads(call.arguments))} for call in calls]


play("openai 3", Chat, WAYS)
