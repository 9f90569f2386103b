"""llama-index: its model client for this protocol, driven by a FunctionAgent."""

from llama_index.core.agent.workflow import AgentOutput, FunctionAgent
from llama_index.core.tools import FunctionTool
from llama_index.core.memory import Memory
from llama_index.llms.openai import OpenAIResponses

from harness import play

WAYS = {"previous_response_id": {"repeats": True}, "replay": {"forgets": "runs"}}


class Chat:
    def __init__(self, base_url, way, stream, tools):
        chained = way == "previous_response_id"
        llm = OpenAIResponses("gpt-4.1-mini", api_base=base_url, api_key="any", max_retries=0,
                              track_previous_responses=chained)
        self.agent = FunctionAgent(tools=[FunctionTool.from_defaults(tool) for tool in tools], llm=llm,
                                   streaming=stream, system_prompt="Answer.")
        self.stream = stream
        self.more = {} if chained else {"memory": Memory.from_defaults(session_id="talk")}

    async def ask(self, text):
        handler = self.agent.run(text, **self.more)
        steps = [event.raw async for event in handler.stream_events() if isinstance(event, AgentOutput)]
        responses = [step["response"] if self.stream else step for step in steps]
        return (await handler).response.content, [
            item["output"] for response in responses for item in response["output"] if item["type"] == "mcp_call"]


play("llama-index", Chat, WAYS)
