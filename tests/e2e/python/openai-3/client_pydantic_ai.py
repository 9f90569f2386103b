"""pydantic-ai."""

from pydantic_ai import Agent
from pydantic_ai.messages import NativeToolReturnPart
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from harness import play, unique

WAYS = {"replay with ids": {}, "replay with ids, nothing stored": {"forgets": "output"},
        "replay": {"forgets": "runs"}, "previous_response_id": {}, "conversation": {}}


class Chat:
    def __init__(self, base_url, way, stream, tools):
        model = OpenAIResponsesModel("m", provider=OpenAIProvider(base_url=base_url, api_key="any"))
        settings = {"openai_send_reasoning_ids": "with ids" in way, "openai_store": "nothing" not in way}
        if way == "previous_response_id":
            settings["openai_previous_response_id"] = "auto"
        if way == "conversation":
            settings["openai_conversation_id"] = unique()
        self.agent = Agent(model, tools=tools, model_settings=settings)
        self.stream, self.messages = stream, []

    async def ask(self, text):
        if self.stream:
            async with self.agent.run_stream(text, message_history=self.messages) as result:
                said = await result.get_output()
        else:
            result = await self.agent.run(text, message_history=self.messages)
            said = result.output
        self.messages = result.all_messages()
        parts = [part for message in result.new_messages() for part in message.parts]
        return said, [part.content["output"] for part in parts if isinstance(part, NativeToolReturnPart)]


play("pydantic-ai", Chat, WAYS)
