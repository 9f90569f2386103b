"""The official client's sessions: variables last from one response to the next, and branch with it."""

import signal
import sys
import traceback

from openai import BadRequestError, NotFoundError, OpenAI

from harness import LIMIT, equal, matches, servers, unique

SESSION = {"sandbox": {"state": "session"}}


class Talk:
    """One client in one mode: each answer runs the code that it is given."""

    def __init__(self, client, model, stream):
        self.client, self.model, self.stream = client, model, stream

    def run(self, code, state=SESSION, **more):
        """(the response, what the code printed or had as its value)"""
        self.model.call("PUT", "/_rules", [{"steps": [{"code": code}, {"say": "{output}"}]}])
        request = {"model": "m", "input": "go on", "extra_body": state, **more}
        if self.stream:
            with self.client.responses.stream(**request) as events:
                response = events.get_final_response()
        else:
            response = self.client.responses.create(**request)
        equal(response.status, "completed", "the response")
        [output] = [item.output for item in response.output if item.type == "mcp_call"]
        return response, output


def responses(talk):
    first, _ = talk.run("x = [1]\nimport math as m")
    equal(first.to_dict()["sandbox"], SESSION["sandbox"], "what was asked for")
    second, two = talk.run("x.append(m.floor(2.5))\nx", previous_response_id=first.id)
    matches(r"\[1, 2\]", two, "the second response")
    _, branch = talk.run("x.append(9)\nx", previous_response_id=first.id)
    matches(r"\[1, 9\]", branch, "a branch of the first")
    _, three = talk.run("x.append(3)\nx", previous_response_id=second.id)
    matches(r"\[1, 2, 3\]", three, "the third, beside the branch")
    _, clean = talk.run("x", {}, previous_response_id=second.id)
    matches("NameError", clean, "a clean run")


def conversation(talk):
    name = unique()
    talk.run("x = 5", conversation=name)
    _, six = talk.run("x += 1\nx", conversation=name)
    matches(r"\b6\b", six, "the conversation")


def killed(talk):
    first, _ = talk.run("x = 1")
    second, lost = talk.run("x = 2\nimport os\nos._exit(1)", previous_response_id=first.id)
    matches("note: what this run did to variables, imports and files is lost", lost, "the killed run")
    _, before = talk.run("x", previous_response_id=second.id)
    matches(r"\b1\b", before, "behind it")


def deleted(talk):
    first, _ = talk.run("x = 1")
    branch, _ = talk.run("x = 9", previous_response_id=first.id)
    second, _ = talk.run("x += 1", previous_response_id=first.id)
    talk.client.responses.delete(branch.id)
    _, three = talk.run("x += 1\nx", previous_response_id=second.id)
    matches(r"\b3\b", three, "what is beside the deleted one")
    try:
        talk.run("x", previous_response_id=branch.id)
    except BadRequestError as error:
        matches(branch.id, str(error), "what is gone")
    else:
        raise AssertionError("a deleted response was gone on from")


def runs(talk):
    """Code without a model, by the client's own way to what it does not know."""
    def post(body):
        return talk.client.post("/runs", body={"state": "session", **body}, cast_to=object)
    first = post({"code": "x = 1"})
    second = post({"code": "x += 1\nx", "previous_run_id": first["id"]})
    equal((second["result"], second["state"]["outcome"]), ("2", "kept"), "the second run")
    gone = talk.client.delete(f"/runs/{first['id']}", cast_to=object)
    equal(gone, {"id": first["id"], "object": "run", "deleted": True}, "its end")
    equal(post({"code": "x", "previous_run_id": second["id"]})["result"], "2", "the branch")
    try:
        post({"code": "x", "previous_run_id": first["id"]})
    except NotFoundError as error:
        equal(error.body["param"], "previous_run_id", "what is gone")
    else:
        raise AssertionError("a deleted state was gone on from")


def main():
    name, only = "openai 3 sessions", " ".join(sys.argv[1:])
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"stopped after {LIMIT} s"))
    signal.alarm(LIMIT)
    with servers(name) as (server, model):
        client = OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)
        for title, play, stream in [
                (play.__name__ + (", streamed" if stream else ""), play, stream)
                for play in (responses, conversation, killed, deleted, runs) for stream in (False, True)
                if not (stream and play is runs)]:
            if only not in f"{name}: {title}":
                continue
            try:
                play(Talk(client, model, stream))
                print("ok", f"{name}: {title}", flush=True)
            except Exception:  # whatever a client raises is a result
                print("not ok", f"{name}: {title}", "\n    " + traceback.format_exc().replace("\n", "\n    "),
                      flush=True)
    print("played", name, flush=True)


main()
