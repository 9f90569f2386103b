"""Agent Framework's own host of the Responses protocol, around an agent as the sample's: `peer_server.py PORT`, with
the model server of OPENAI_BASE_URL. Its one tool is execute_code, here exec() in this very process: what is compared
is the host. It says on stdout when it listens, as `cloche serve` does."""

import contextlib
import io
import os
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request

from agent_framework import Agent, tool
from agent_framework.openai import OpenAIChatClient
from agent_framework_foundry_hosting import ResponsesHostServer


@tool(name="execute_code", approval_mode="never_require")
def execute_code(code: str) -> str:
    """Run Python and return what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            exec(code, {})
        except Exception:
            traceback.print_exc()
    return out.getvalue()


def say_when_ready(port):
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readiness").close()
            print(f"listening on http://127.0.0.1:{port}", flush=True)
            return
        time.sleep(0.05)


port = int(sys.argv[1])
client = OpenAIChatClient(model="m", api_key="k", base_url=os.environ["OPENAI_BASE_URL"])
agent = Agent(client, name="quick", instructions="Answer.", tools=[execute_code], default_options={"store": False})
threading.Thread(target=say_when_ready, args=(port,), daemon=True).start()
ResponsesHostServer(agent, configure_observability=None, access_log=None).run(host="127.0.0.1", port=port)
