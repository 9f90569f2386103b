"""instructor: each answer is a structure, which the model gives by calling a tool named for it."""

import instructor
from openai import OpenAI
from pydantic import BaseModel

from harness import play


class Answer(BaseModel):
    text: str


class Chat:
    def __init__(self, base_url, way, stream, tools):
        client = OpenAI(base_url=base_url, api_key="any", max_retries=0)
        self.client = instructor.from_openai(client, mode=instructor.Mode.RESPONSES_TOOLS)
        self.stream, self.said = stream, []

    def ask(self, text):
        self.said.append({"role": "user", "content": text})
        settings = {"model": "m", "messages": self.said, "response_model": Answer, "max_retries": 1}
        if self.stream:
            answer, items = list(self.client.create_partial(**settings))[-1], []
        else:
            answer = self.client.create(**settings)
            items = answer._raw_response.output
        self.said.append({"role": "assistant", "content": answer.text})
        return answer.text, [item.output for item in items if item.type == "mcp_call"]


play("instructor", Chat, {"replay as text": {"forgets": "runs"}}, tools=False, shows=("whole",))
