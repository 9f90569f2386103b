"""`cloche serve` as Foundry starts it: its environment and its headers, without a hypervisor."""

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from serve_test import BUILD, CLEAN, EXAMPLE, GENEROUS, QUESTION, ROOT, Host

DEPLOYED = ROOT / "deploy" / "foundry"
SESSION = "container-session-1"


class Container:
    """What the platform starts: the files of deploy/foundry in /agent, its environment, a home folder."""

    def __init__(self, *words, cloche_yaml=None, **env):
        self.folder = tempfile.TemporaryDirectory()
        agent, self.home = Path(self.folder.name, "agent"), Path(self.folder.name, "home")
        agent.mkdir(), self.home.mkdir()
        for name in ("agent.yaml", "cloche.yaml"):
            shutil.copy(DEPLOYED / name, agent)
        shutil.copy(EXAMPLE / "offline.yaml", agent)
        if cloche_yaml is not None:
            (agent / "cloche.yaml").write_text(cloche_yaml)
        self.agent, self.words = agent, words
        self.env = {"HOME": str(self.home), "PORT": "0", "FOUNDRY_HOSTING_ENVIRONMENT": "test",
                    "FOUNDRY_AGENT_NAME": "hyperlight-codeact", "FOUNDRY_AGENT_VERSION": "1",
                    "FOUNDRY_AGENT_SESSION_ID": SESSION, "CLOCHE_ISOLATION": "process", **env}
        self.env = {name: value for name, value in self.env.items() if value is not None}

    def __enter__(self):
        self.host = Host(str(BUILD / "cloche"), "serve", *self.words, str(self.agent / "agent.yaml"),
                         env=self.env)
        self.port = urllib.parse.urlsplit(self.host.url).port
        return self

    def __exit__(self, *words):
        self.host.__exit__(*words)
        self.folder.cleanup()

    def call(self, method, path, body=None, user="alice", **headers):
        """The status, the headers (lower-cased) and the body's bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GENEROUS)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            headers["x-agent-user-id"] = user
        if isinstance(body, dict):
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content

    def json(self, *words, **more):
        status, headers, content = self.call(*words, **more)
        return status, headers, json.loads(content)


def frames(content):
    """(event, data) of a stream."""
    return [(re.search(r"^event: (.*)$", frame, re.M)[1], json.loads(re.search(r"^data: (.*)$", frame, re.M)[1]))
            for frame in content.decode().split("\n\n") if frame.startswith("event:")]


class Hosted(unittest.TestCase):
    def test_it_is_started_and_answers_as_the_platform_expects(self):
        with Container() as container:
            said = container.host.said()
            self.assertIn("http://0.0.0.0:", said)
            self.assertIn("isolation: process", said)
            self.assertEqual(container.json("GET", "/readiness", user=None)[0], 200)
            status, headers, response = container.json("POST", "/responses", {"input": QUESTION})
            self.assertEqual((status, response["status"]), (200, "completed"), response)
            kinds = [item["type"] for item in response["output"]]
            self.assertEqual(kinds, ["function_call", "function_call_output", "message"])
            self.assertRegex(response["id"], r"^caresp_[0-9a-f]{16}00[0-9a-zA-Z]{32}$")
            self.assertEqual(headers["x-agent-session-id"], SESSION)
            self.assertEqual(response["agent_session_id"], SESSION)
            more = container.json("POST", "/responses", {
                "input": QUESTION, "previous_response_id": response["id"]})[2]
            self.assertEqual(more["id"][:25], response["id"][:25])  # one partition
            self.assertNotEqual(more["id"], response["id"])

    def test_state_stays_in_the_home_folder(self):
        with Container() as container:
            made = container.json("POST", "/responses", {"input": QUESTION})[2]["id"]
            container.host.__exit__()
            self.assertTrue((container.home / ".cloche" / "responses.sqlite").exists())
            self.assertEqual(os.stat(container.home / ".cloche").st_mode & 0o777, 0o700)
            container.__enter__()
            self.assertEqual(container.json("GET", f"/responses/{made}")[0], 200)

    def test_users_are_kept_apart(self):
        with Container() as container:
            made = container.json("POST", "/responses", {"input": QUESTION, "conversation": "talk"})[2]
            path = f"/responses/{made['id']}"
            for user, status in (("alice", 200), ("bob", 404), (None, 404), ("alic", 404)):
                with self.subTest(user=user):
                    self.assertEqual(container.json("GET", path, user=user)[0], status)
                    self.assertEqual(container.json("GET", path + "/input_items", user=user)[0], status)
            self.assertEqual(container.json("DELETE", path, user="bob")[0], 404)
            self.assertEqual(container.json("POST", path + "/cancel", user="bob")[0], 404)
            status, _, error = container.json("POST", "/responses", {
                "input": "Go on", "previous_response_id": made["id"]}, user="bob")
            self.assertEqual((status, error["error"]["code"]), (400, "previous_response_not_found"))
            item = {"type": "item_reference", "id": made["output"][-1]["id"]}
            question = {"type": "message", "role": "user", "content": QUESTION}
            self.assertEqual(container.json("POST", "/responses", {"input": [item, question]}, user="bob")[0], 404)
            self.assertEqual(container.json("POST", "/responses", {"input": [item, question]})[0], 200)
            self.assertEqual(container.json("GET", path)[0], 200)  # nobody has deleted it
            stored = b"".join(f.read_bytes() for f in (container.home / ".cloche").iterdir() if f.is_file())
            self.assertIn(made["id"].encode(), stored)
            self.assertNotIn(b"alice", stored)

    def test_files_and_sessions_of_code_are_a_users(self):
        with Container() as container:
            form = ("--bound\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
                    "--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n"
                    "secret\r\n--bound--\r\n")
            status, _, file = container.json("POST", "/files", form, **{
                "Content_Type": "multipart/form-data; boundary=bound"})
            self.assertEqual(status, 200, file)
            self.assertEqual(container.call("GET", f"/files/{file['id']}/content")[2], b"secret")
            for path in (f"/files/{file['id']}", f"/files/{file['id']}/content"):
                self.assertEqual(container.call("GET", path, user="bob")[0], 404)
            self.assertEqual(container.call("DELETE", f"/files/{file['id']}", user="bob")[0], 404)
            self.assertEqual(container.json("GET", "/files", user="bob")[2]["data"], [])
            self.assertEqual(len(container.json("GET", "/files")[2]["data"]), 1)
            run = {"code": "print(open('/input/a.txt').read())", "files": [file["id"]]}
            self.assertEqual(container.json("POST", "/runs", run)[2].get("stdout"), "secret\n")
            self.assertEqual(container.json("POST", "/runs", run, user="bob")[0], 404)
            first = container.json("POST", "/runs", {"code": "x = 41", "state": "session"})[2]
            more = {"code": "print(x + 1)", "state": "session", "previous_run_id": first["id"]}
            self.assertEqual(container.json("POST", "/runs", more)[2].get("stdout"), "42\n")
            self.assertEqual(container.json("POST", "/runs", more, user="bob")[0], 404)

    def test_whose_fault_an_error_is(self):
        with Container() as container:
            status, headers, error = container.json("POST", "/responses", {"input": 5})
            self.assertEqual((status, headers["x-platform-error-source"]), (400, "user"))
            self.assertEqual(headers["x-platform-error-detail"], error["error"]["message"])
            status, headers, _ = container.json("GET", "/responses/none\u00e9".replace("\u00e9", "%C3%A9"))
            self.assertEqual((status, headers["x-platform-error-source"]), (404, "user"))
            self.assertTrue(headers["x-platform-error-detail"].isascii())
            self.assertNotIn("x-platform-error-source", container.call("GET", "/readiness")[1])

    def test_ids_of_requests(self):
        with Container() as container:
            trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            self.assertEqual(container.call("GET", "/readiness", traceparent=trace)[1]["x-request-id"],
                             trace.split("-")[1])
            self.assertEqual(container.call("GET", "/readiness", traceparent=trace, x_request_id="mine")[1]
                             ["x-request-id"], "mine")

    def test_another_session_is_refused(self):
        with Container() as container:
            status, _, error = container.json("POST", "/responses", {
                "input": QUESTION, "agent_session_id": "another"})
            self.assertEqual((status, error["error"]["code"]), (400, "session_mismatch"))
            self.assertIn("another", error["error"]["message"])


class Invocations(unittest.TestCase):
    def test_a_message_is_answered(self):
        with Container() as container:
            status, headers, answer = container.json("POST", "/invocations", {"message": QUESTION},
                                                     x_agent_invocation_id="inv-7")
            self.assertEqual((status, list(answer)), (200, ["response"]), answer)
            whole = container.json("POST", "/responses", {"input": QUESTION})[2]
            self.assertEqual(answer["response"], whole["output"][-1]["content"][0]["text"])
            self.assertEqual(headers["x-agent-invocation-id"], "inv-7")
            self.assertEqual(headers["x-agent-session-id"], SESSION)
            self.assertEqual(container.json("GET", "/invocations/inv-7")[0], 404)
            self.assertEqual(container.json("POST", "/invocations/inv-7/cancel", {})[0], 404)
            self.assertEqual(container.json("GET", "/invocations")[0], 405)

    def test_it_streams(self):
        with Container() as container:
            status, headers, content = container.call("POST", "/invocations", {
                "message": QUESTION, "stream": True, "options": {"temperature": 0, "max_tokens": 500}})
            self.assertEqual(status, 200)
            self.assertTrue(headers["content-type"].startswith("text/event-stream"))
            events = frames(content)
            self.assertEqual({name for name, _ in events[:-1]}, {"delta"})
            self.assertEqual(events[-1], ("done", {"session_id": SESSION}))
            self.assertNotIn(b"[DONE]", content)
            text = container.json("POST", "/invocations", {"message": QUESTION})[2]["response"]
            self.assertEqual("".join(data["text"] for _, data in events[:-1]), text)

    def test_a_session_goes_on_and_is_a_users(self):
        with Container(FOUNDRY_AGENT_SESSION_ID=None) as container:
            path = "/invocations?agent_session_id=s1"
            self.assertEqual(container.json("POST", path, {"message": QUESTION})[0], 200)
            headers = container.json("POST", path, {"message": QUESTION})[1]
            self.assertEqual(headers["x-agent-session-id"], "s1")
            made = container.json("POST", "/responses", {"input": QUESTION, "conversation": "s1"})[2]
            self.assertEqual(made["status"], "completed")
            self.assertNotEqual(container.json("POST", "/invocations", {"message": QUESTION})[1]
                                ["x-agent-session-id"], "s1")

    def test_what_is_wrong_is_named(self):
        with Container() as container:
            for body, word in (({}, "message"), ({"message": 5}, "message"),
                               ({"message": "a", "stream": "yes"}, "stream"),
                               ({"message": "a", "options": []}, "options"),
                               ({"message": "a", "options": {"tools": []}}, "options.tools"),
                               ({"message": "a", "options": {"temperature": 5}}, "temperature"),
                               ("{", "JSON"), ("[]", "object"), ("", "JSON")):
                with self.subTest(body=body):
                    status, headers, error = container.json("POST", "/invocations", body)
                    self.assertEqual((status, list(error)), (400, ["error"]), error)
                    self.assertIn(word, error["error"])
                    self.assertEqual(headers["x-platform-error-source"], "user")
            status, _, error = container.json("POST", "/invocations?agent_session_id=other", {"message": "a"})
            self.assertEqual(status, 400)
            self.assertIn("other", error["error"])


class Snapshots(unittest.TestCase):
    RESTORE = {"session_context": {"session_id": "s-2", "restore_id": "r-1",
                                   "session_env_overrides": {"FOUNDRY_AGENT_SESSION_ID": "s-2", "EXTRA": "1"}}}

    def test_a_restored_container_has_its_session(self):
        with Container(FOUNDRY_AGENT_SESSION_ID=None) as container:
            for path in ("/_agent/before-snapshot", "/_before_snapshot"):
                self.assertEqual(container.json("POST", path, {})[::2], (200, {"status": "ok"}))
            for path in ("/_agent/after-restore", "/_after_restore"):  # the second time it is done already
                self.assertEqual(container.json("POST", path, self.RESTORE)[::2], (200, {"status": "ok"}))
            self.assertEqual(container.json("POST", "/responses", {"input": QUESTION})[2]["agent_session_id"], "s-2")
            other = {"session_context": {"session_id": "s-3", "restore_id": "r-2"}}
            status, _, error = container.json("POST", "/_agent/after-restore", other)
            self.assertEqual((status, error["error"]["code"]), (409, "session_mismatch"))
            again = {"session_context": {"session_id": "s-2", "restore_id": "r-2"}}
            self.assertEqual(container.json("POST", "/_agent/after-restore", again)[0], 200)

    def test_before_a_snapshot_the_store_is_in_its_file(self):
        with Container() as container:
            container.json("POST", "/responses", {"input": QUESTION})
            log = container.home / ".cloche" / "responses.sqlite-wal"
            self.assertGreater(log.stat().st_size, 0)
            self.assertEqual(container.json("POST", "/_agent/before-snapshot", {})[0], 200)
            self.assertEqual(log.stat().st_size, 0)

    def test_what_is_wrong_is_refused(self):
        context = self.RESTORE["session_context"]
        with Container() as container:
            for body in ({}, {"session_context": 5}, {"session_context": {**context, "session_id": ""}},
                         {"session_context": {**context, "restore_id": 5}},
                         {"session_context": {**context, "session_env_overrides": {"A": 1}}},
                         {"session_context": {**context, "session_env_overrides": {"A=B": "1"}}},
                         {"session_context": {**context, "session_env_overrides": {"A": "a\0b"}}},
                         {"session_context": {**context, "session_env_overrides":
                                              {"FOUNDRY_AGENT_SESSION_ID": "s-9"}}},
                         {"session_context": {**context, "session_env_overrides":
                                              {"FOUNDRY_AGENT_SESSION_GUID": "ABC"}}}):
                with self.subTest(body=body):
                    status, _, error = container.json("POST", "/_agent/after-restore", body)
                    self.assertEqual((status, error["error"]["code"]), (400, "invalid_after_restore_request"))
            self.assertEqual(container.json("POST", "/_agent/before-snapshot", "[]")[0], 400)
            self.assertEqual(container.json("POST", "/_agent/before-snapshot", "{}",
                                            Content_Type="text/plain")[0], 400)

    def test_a_server_that_is_not_hosted_has_none_of_it(self):
        with Container(FOUNDRY_HOSTING_ENVIRONMENT=None) as container:
            self.assertIn("http://127.0.0.1:", container.host.said())
            self.assertEqual(container.json("POST", "/_agent/after-restore", self.RESTORE)[0], 404)
            made = container.json("POST", "/responses", {"input": QUESTION})[2]
            self.assertEqual(container.json("GET", f"/responses/{made['id']}", user="bob")[0], 200)
            self.assertTrue(made["id"].startswith("resp_"))
            self.assertEqual(made["output"][0]["type"], "mcp_call")
            self.assertNotIn("agent_session_id", made)


class Files(unittest.TestCase):
    def check(self, text, cloche="", env=None):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "agent.yaml").write_text(text)
            if cloche is not None:
                Path(folder, "cloche.yaml").write_text(cloche)
            Path(folder, "offline.yaml").write_text("turns:\n  - match: hello\n    say: Hello.\n")
            run = subprocess.run([BUILD / "cloche", "check", "agent.yaml"], cwd=folder, text=True,
                                 env={**CLEAN, **(env or {})}, capture_output=True, timeout=GENEROUS)
            return run.returncode, run.stdout + run.stderr

    GOOD = "kind: hosted\nname: mine\nprotocols:\n  - {protocol: responses, version: 2.0.0}\n"
    SCRIPT = "model: {kind: script, script: offline.yaml}\n"

    def test_the_platforms_files_are_read_as_they_are(self):
        for name in ("agent.yaml", "agent.manifest.yaml"):
            text = (DEPLOYED / name).read_text()
            status, said = self.check(text, (DEPLOYED / "cloche.yaml").read_text().replace(
                "example_tools.so", str(BUILD / "examples" / "example_tools.so")))
            self.assertEqual(status, 0, said)

    def test_what_is_wrong_is_told_with_its_place(self):
        for text, cloche, words in (
                (self.GOOD.replace("responses", "activity"), self.SCRIPT, ("agent.yaml:4", "activity", "invocations")),
                (self.GOOD.replace("name: mine\n", ""), self.SCRIPT, ("agent.yaml:1", "name")),
                (self.GOOD + "environment_variables: 5\n", self.SCRIPT, ("agent.yaml:5", "list")),
                (self.GOOD, self.SCRIPT + "sandbox: {memory: 12x}\n", ("cloche.yaml:2", "12x"))):
            with self.subTest(words=words):
                status, said = self.check(text, cloche)
                self.assertEqual(status, 1, said)
                for word in words:
                    self.assertIn(word, said)

    def test_variables_of_the_file_are_the_environments(self):
        text = self.GOOD + ("environment_variables:\n  - {name: MODEL_FILE, value: '${FROM_OUTSIDE}'}\n"
                            "  - {name: PARAMETER, value: '{{chat}}'}\n")
        cloche = "model: {kind: script, script: '${MODEL_FILE}'}\n"
        self.assertEqual(self.check(text, cloche, {"FROM_OUTSIDE": "offline.yaml"})[0], 0)
        self.assertEqual(self.check(text, cloche, {"FROM_OUTSIDE": "none", "MODEL_FILE": "offline.yaml"})[0], 0)
        status, said = self.check(text, cloche)
        self.assertEqual(status, 1)
        self.assertIn("MODEL_FILE", said)

    def test_variables_of_the_container_are_checked(self):
        for name, value in (("SSE_KEEPALIVE_INTERVAL", "soon"), ("FOUNDRY_AGENT_SESSION_ID", "a b"),
                            ("FOUNDRY_AGENT_SESSION_GUID", "5")):
            status, said = self.check(self.GOOD, self.SCRIPT, {"FOUNDRY_HOSTING_ENVIRONMENT": "test", name: value})
            self.assertEqual(status, 1, said)
            self.assertIn(name, said)
            self.assertIn(value, said)


if __name__ == "__main__":
    unittest.main()
