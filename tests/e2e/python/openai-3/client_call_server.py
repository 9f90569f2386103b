"""A client as Foundry's samples have it for a hosted agent: OpenAI's, with the agent's endpoint as its base URL, a token as
its key, and `api-version=v1`; the question is the example's own."""

import traceback

from openai import OpenAI

from harness import servers

PROMPT = ("Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and multiplication result. "
          "Use execute_code with call_tool(...).")
CODE = """users = call_tool("fetch_data", table="users")
admins = [user["name"] for user in users if user["role"] == "admin"]
print([user["name"] for user in users], admins, call_tool("compute", operation="multiply", a=7, b=6))
"""
RULES = [{"when": "^Fetch all users", "steps": [{"code": CODE}, {"say": "I found: {output}"}]}]
PRINTED = "['Alice', 'Bob', 'Charlie'] ['Alice', 'Charlie'] 42"


def ask(endpoint, stream):
    client = OpenAI(base_url=endpoint, api_key="token", default_query={"api-version": "v1"})
    if not stream:
        return client.responses.create(model="hosted-agent", input=PROMPT)
    with client.responses.stream(model="hosted-agent", input=PROMPT) as events:
        return events.get_final_response()


def main():
    with servers("call-server") as (server, model):
        model.call("PUT", "/_rules", RULES)
        for place in ("", "/api/projects/p/agents/quick"):
            for stream in (False, True):
                title = f"call-server: at {place or 'the server itself'}" + (", streamed" if stream else "")
                try:
                    response = ask(server.url + place, stream)
                    assert response.status == "completed", response
                    assert PRINTED in response.output_text, response.output_text
                    assert response.model == "hosted-agent", response.model
                    print("ok", title, flush=True)
                except Exception:  # whatever a client raises is a result
                    print("not ok", title, "\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
    print("played call-server", flush=True)


main()
