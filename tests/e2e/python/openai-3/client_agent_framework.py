"""Microsoft's Agent Framework."""

from agent_framework.openai import OpenAIChatClient

from agent_framework_chat import WAYS, Chat
from harness import play


def chat(base_url, *options):
    return Chat(OpenAIChatClient(model="m", api_key="any", base_url=base_url), *options)


play("agent-framework", chat, WAYS)
