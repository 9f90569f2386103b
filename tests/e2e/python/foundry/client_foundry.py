"""Agent Framework's client for Foundry, which finds the agent where a project has its models."""

import time

from agent_framework import Agent
from agent_framework.foundry import FoundryChatClient
from azure.core.credentials import AccessToken, AccessTokenInfo

from harness import play, unique

WAYS = {"stored by the service": {}, "replay, nothing stored": {"streamed": {"forgets": "code"}}, "conversation": {}}


class Credential:
    """A token that nobody checks: the platform in front would."""

    async def get_token(self, *_, **__):
        return AccessToken("token", int(time.time()) + 3600)

    async def get_token_info(self, *_, **__):
        return AccessTokenInfo("token", int(time.time()) + 3600)

    async def close(self):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


class Chat:
    def __init__(self, base_url, way, stream, tools):
        project = base_url.removesuffix("/v1") + "/api/projects/compare"
        client = FoundryChatClient(project_endpoint=project, model="m", credential=Credential())
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


play("foundry", Chat, WAYS)
