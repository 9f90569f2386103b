"""Agent Framework's client for Foundry, which finds the agent where a project has its models."""

import time

from agent_framework.foundry import FoundryChatClient
from azure.core.credentials import AccessToken, AccessTokenInfo

from agent_framework_chat import WAYS, Chat
from harness import play


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


def chat(base_url, *options):
    project = base_url.removesuffix("/v1") + "/api/projects/compare"
    return Chat(FoundryChatClient(project_endpoint=project, model="m", credential=Credential()), *options)


play("foundry", chat, WAYS)
