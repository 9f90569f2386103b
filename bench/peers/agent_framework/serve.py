"""An agent of Agent Framework behind its own Responses host: `serve.py PORT`, with the model server of
OPENAI_BASE_URL. Its one tool is execute_code: that of the Hyperlight provider where a sandbox starts, else a function
that calls exec() in this very process, without any wall. The first line printed says which. Responses are kept in
memory, and nothing is logged: as Cloche is measured."""

import contextlib
import io
import os
import sys

from agent_framework import Agent, tool
from agent_framework_foundry_hosting import ResponsesHostServer
from agent_framework_openai import OpenAIChatClient
from azure.ai.agentserver.responses.store._memory import InMemoryResponseProvider


@tool(name="execute_code", approval_mode="never_require")
def by_exec(code: str) -> str:
    """Run Python and return what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    return out.getvalue()


def hyperlight():
    """The provider, or None where its sandbox does not start."""
    from agent_framework_hyperlight import HyperlightCodeActProvider
    from hyperlight_sandbox import Sandbox

    try:
        Sandbox(backend="wasm", module="python_guest.path").run("None")
    except RuntimeError:
        return None
    return HyperlightCodeActProvider(approval_mode="never_require")


provider = hyperlight()
print("hyperlight" if provider else "exec", flush=True)
client = OpenAIChatClient(model="bench", api_key="none", base_url=os.environ["OPENAI_BASE_URL"])
with_code = {"context_providers": [provider]} if provider else {"tools": [by_exec]}
agent = Agent(client, instructions="Answer briefly.", default_options={"store": False}, **with_code)
ResponsesHostServer(
    agent, store=InMemoryResponseProvider(), configure_observability=None, access_log=None).run(
    host="127.0.0.1", port=int(sys.argv[1]))
