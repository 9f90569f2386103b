"""LangChain's chat model, driven by an agent of LangGraph."""

from langchain.agents import create_agent
from langchain_core.tools import tool as langchain_tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver

from harness import play, unique

SETTINGS = {"replay": {}, "replay, nothing stored": {"store": False},
            "replay as content blocks": {"output_version": "v1"}, "replay as of old": {"output_version": "v0"},
            "previous_response_id": {"use_previous_response_id": True}}


class Chat:
    def __init__(self, base_url, way, stream, tools):
        model = ChatOpenAI(model="m", api_key="any", base_url=base_url, use_responses_api=True,
                           max_retries=0, **SETTINGS[way])
        self.agent = create_agent(model, [langchain_tool(tool) for tool in tools], checkpointer=InMemorySaver())
        self.stream, self.place, self.seen = stream, {"configurable": {"thread_id": unique()}}, 0

    def ask(self, text):
        given = {"messages": [{"role": "user", "content": text}]}
        if self.stream:
            for _ in self.agent.stream(given, self.place, stream_mode="messages"):
                pass
            messages = self.agent.get_state(self.place).values["messages"]
        else:
            messages = self.agent.invoke(given, self.place)["messages"]
        new, self.seen = messages[self.seen:], len(messages)
        return messages[-1].text, [block["output"] for message in new for block in message.content_blocks
                                   if block["type"] == "server_tool_result"]


play("langchain-openai", Chat, dict.fromkeys(SETTINGS, {}))
