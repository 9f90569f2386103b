"""The OpenAI Agents SDK."""

from agents import Agent, ModelSettings, OpenAIResponsesModel, Runner, SQLiteSession, function_tool
from openai import AsyncOpenAI

from harness import play, unique

WAYS = {"previous_response_id": {}, "auto_previous_response_id": {}, "replay": {},
        "replay, nothing stored": {}, "session": {}, "conversation_id": {}}


class Chat:
    def __init__(self, base_url, way, stream, tools):
        client = AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0)
        self.way, self.stream = way, stream
        self.agent = Agent("a", instructions="Answer.", tools=[function_tool(tool) for tool in tools],
                           model=OpenAIResponsesModel("m", client),
                           model_settings=ModelSettings(store="nothing stored" not in way))
        self.last, self.session, self.name = None, SQLiteSession(unique()), unique()

    def options(self):
        last = self.last.last_response_id if self.last else None
        return {"previous_response_id": {"previous_response_id": last},
                "auto_previous_response_id": {"previous_response_id": last, "auto_previous_response_id": True},
                "session": {"session": self.session},
                "conversation_id": {"conversation_id": self.name}}.get(self.way, {})

    async def ask(self, text):
        given = text
        if self.way.startswith("replay") and self.last:
            given = [*self.last.to_input_list(), {"role": "user", "content": text}]
        if self.stream:
            result = Runner.run_streamed(self.agent, given, **self.options())
            async for _ in result.stream_events():
                pass
        else:
            result = await Runner.run(self.agent, given, **self.options())
        self.last = result
        items = [item.raw_item for item in result.new_items]
        return result.final_output, [item.output for item in items if getattr(item, "type", "") == "mcp_call"]


play("openai-agents", Chat, WAYS)
