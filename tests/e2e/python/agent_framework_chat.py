"""A chat by Microsoft's Agent Framework, through one of its clients."""

from agent_framework import Agent

from harness import unique

WAYS = {"stored by the service": {}, "replay, nothing stored": {"streamed": {"forgets": "code"}}, "conversation": {}}


class Chat:
    def __init__(self, client, way, stream, tools):
        options = {"store": False} if "nothing stored" in way else {}
        self.stream = stream
        self.agent = Agent(client=client, instructions="Answer.", tools=tools, default_options=options)
        self.session = self.agent.create_session()
        if way == "conversation":
            self.session = self.agent.get_session(f"conv_{unique()}")

    async def ask(self, text):
        if self.stream:
            updates = self.agent.run(text, stream=True, session=self.session)
            async for _ in updates:
                pass
            answer = await updates.get_final_response()
        else:
            answer = await self.agent.run(text, session=self.session)
        contents = [content for message in answer.messages for content in message.contents]
        results = [content for content in contents if content.type == "mcp_server_tool_result"]
        return answer.text, ["".join(part.text for part in result.output) for result in results]
