"""The makers' models behind `cloche serve`, over TLS with an authority of the tests': where the environment says that they
are, whom the requests are signed by, and what goes out."""

import json
import os
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from hypervisor import needs_wall
from serve_test import BUILD, CLEAN, GENEROUS, Host
from tls_test import NO_VARIABLE, make_certificates
from vendor_server import Vendor

PROGRAM = os.environ.get("CLOCHE_TEST_PROGRAM") or str(BUILD.resolve() / "cloche")
SECRET = "s3cret-of-the-application"
TOKEN = ".".join(["eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiJhcHAifQ" + "x" * 40, "c2lnbmF0dXJl" + "y" * 40])
NOWHERE = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1", "PATH": "/usr/bin:/bin"}


class Makers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = Path(cls.folder.name)
        make_certificates(cls.top)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def vendor(self, **plan):
        return Vendor(self.folder.name, **plan)

    def application(self, vendor):
        return {"AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_ID": "client-1", "AZURE_CLIENT_SECRET": SECRET,
                "AZURE_AUTHORITY_HOST": vendor.url, "AZURE_TOKEN_CREDENTIALS": ""}

    def project(self, vendor):
        return {"FOUNDRY_PROJECT_ENDPOINT": f"{vendor.url}/api/projects/project-1",
                "AZURE_AI_MODEL_DEPLOYMENT_NAME": "deployment-1"}

    def ask(self, vendor, env, agent="{}", times=1, body=None):
        """(the last response, the log)"""
        path = self.top / "agent.yaml"
        path.write_text(agent)
        env = {**NOWHERE, **NO_VARIABLE, "SSL_CERT_FILE": str(self.top / "ca.pem"), **env}
        with Host(PROGRAM, "serve", "--port", "0", str(path), env=env) as host:
            for _ in range(times):
                response = host.request("/responses", body)[1] if body else host.ask("What is six times seven? Run it.")
            said = host.said()
        self.assertEqual(vendor.wrong, [])
        for secret in SECRET, TOKEN, "key-of-azure-0123456789":
            self.assertNotIn(secret, said)
            self.assertNotIn(secret, json.dumps(response))
        return response, said

    def text(self, response):
        self.assertEqual(response["status"], "completed", response)
        return json.dumps(response["output"][-1]["content"])

    # ---- Foundry ----

    @needs_wall
    def test_foundry_by_an_applications_secret(self):
        with self.vendor(tokens=[TOKEN]) as vendor:
            response, said = self.ask(vendor, {**self.project(vendor), **self.application(vendor)}, times=2)
        self.assertIn("It is 42.", self.text(response))
        self.assertEqual(len(vendor.models()), 4)
        for request in vendor.models():
            self.assertEqual(request.target, "/api/projects/project-1/openai/v1/responses")
            self.assertEqual(request.headers["Authorization"], f"Bearer {TOKEN}")
            self.assertEqual(request.json()["model"], "deployment-1")
            self.assertFalse(request.json()["store"])
        (asked,) = vendor.of("/oauth2/")  # one token for all
        self.assertEqual(asked.target, "/tenant-1/oauth2/v2.0/token")
        self.assertEqual(asked.form(), {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET,
                                        "scope": "https://ai.azure.com/.default"})
        self.assertIn(f"model: deployment-1 in Foundry by the Responses API, or chat completions if it has none, at "
                      f"{vendor.url}/api/projects/project-1/openai/v1, with tokens of Microsoft Entra ID", said)
        self.assertEqual(said.count("is by EnvironmentCredential"), 1)

    @needs_wall
    def test_foundry_by_a_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=app", "-keyout",
                        "app.key", "-out", "app.crt"], cwd=self.top, check=True, capture_output=True, timeout=GENEROUS)
        (self.top / "app.pem").write_text((self.top / "app.key").read_text() + (self.top / "app.crt").read_text())
        with self.vendor() as vendor:
            env = {**self.project(vendor), **self.application(vendor), "AZURE_CLIENT_SECRET": "",
                   "AZURE_CLIENT_CERTIFICATE_PATH": str(self.top / "app.pem")}
            response, _ = self.ask(vendor, env)
        self.assertIn("It is 42.", self.text(response))
        form = vendor.of("/oauth2/")[0].form()
        self.assertEqual(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        self.assertEqual(form["client_assertion"].count("."), 2)

    @needs_wall
    def test_a_token_that_is_refused_is_replaced_once(self):
        refusal = {"status": 401, "body": {"error": {"code": "401", "message": f"expired: {TOKEN}"}}}
        with self.vendor(tokens=["token-1", "token-2"], plan=[refusal]) as vendor:
            response, _ = self.ask(vendor, {**self.project(vendor), **self.application(vendor)})
        self.assertIn("It is 42.", self.text(response))
        self.assertEqual([one.headers["Authorization"] for one in vendor.models()],
                         ["Bearer token-1", "Bearer token-2", "Bearer token-2"])
        with self.vendor(tokens=["token-1", "token-2"], plan=[refusal] * 2) as vendor:
            response, said = self.ask(vendor, {**self.project(vendor), **self.application(vendor)})
        self.assertEqual(len(vendor.models()), 2)
        self.assertEqual(response["status"], "failed")
        self.assertEqual(response["error"]["message"], "the model's server refused the credentials (HTTP 401)")
        self.assertIn("The identity needs a role", said)
        self.assertIn("[token]", said)

    @needs_wall
    def test_who_has_no_credentials_is_told_why(self):
        with self.vendor() as vendor:
            response, said = self.ask(vendor, self.project(vendor))
        self.assertEqual(response["error"]["message"], "the host has no valid credentials for the model's server")
        self.assertEqual(vendor.requests, [])
        for part in ("EnvironmentCredential: not set: AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET",
                     "WorkloadIdentityCredential: not set: AZURE_FEDERATED_TOKEN_FILE", "IMDS is not here",
                     "there is no az in the folders of PATH", "Sign in by `az login`"):
            self.assertIn(part, said)

    @needs_wall
    def test_a_wrong_tenant_and_a_wrong_secret(self):
        for code, words in ((400, "AADSTS90002: Tenant 'tenant-1' not found."),
                            (401, f"AADSTS7000215: Invalid client secret provided: {SECRET}")):
            with self.vendor(tokens=[(code, {"error": "invalid_client", "error_description": words})]) as vendor:
                response, said = self.ask(vendor, {**self.project(vendor), **self.application(vendor)})
            self.assertEqual(response["status"], "failed")
            self.assertNotIn("AADSTS", json.dumps(response))
            self.assertIn(words.replace(SECRET, "[key]"), said)
            self.assertEqual(vendor.models(), [])

    @needs_wall
    def test_an_authority_that_nobody_vouches_for_gets_no_secret(self):
        with tempfile.TemporaryDirectory() as other:
            make_certificates(other)
            with Vendor(other) as stranger, self.vendor() as vendor:
                _, said = self.ask(vendor, {**self.project(vendor), **self.application(stranger)})
        self.assertEqual(stranger.requests + vendor.requests, [])
        self.assertIn(f"{stranger.url}/tenant-1/oauth2/v2.0/token: no answer: ", said)

    @needs_wall
    def test_a_pod_a_service_and_a_machine(self):
        (self.top / "federated").write_text("federated.token.of-the-pod")
        with self.vendor() as vendor, Vendor() as platform:
            pod = {**self.application(vendor), "AZURE_CLIENT_SECRET": "",
                   "AZURE_FEDERATED_TOKEN_FILE": str(self.top / "federated")}
            service = {"IDENTITY_ENDPOINT": f"{platform.url}/msi/token", "IDENTITY_HEADER": SECRET}
            machine = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": platform.url}
            for env, name in ((pod, "WorkloadIdentity"), (service, "ManagedIdentity"), (machine, "ManagedIdentity")):
                response, said = self.ask(vendor, {**self.project(vendor), **env})
                self.assertIn("It is 42.", self.text(response))
                self.assertIn(f"is by {name}Credential", said)
        self.assertEqual(vendor.of("/oauth2/")[0].form()["client_assertion"], "federated.token.of-the-pod")
        self.assertEqual(platform.of("/msi/")[0].headers["X-IDENTITY-HEADER"], SECRET)
        self.assertEqual(platform.of("/msi/")[0].query, "api-version=2019-08-01&resource=https%3A%2F%2Fai.azure.com")
        probe, asked = platform.of("/metadata/")
        self.assertNotIn("Metadata", probe.headers)
        self.assertEqual(asked.headers["Metadata"], "true")

    @needs_wall
    def test_who_signed_in_where_the_metadata_server_hangs(self):
        az = self.top / "bin" / "az"
        az.parent.mkdir()
        az.write_text('#!/bin/sh\necho "$*" > "$(dirname "$0")/asked"\n'
                      'echo \'{"accessToken": "by-az", "expires_on": 99999999999}\'\n')
        az.chmod(0o755)
        with self.vendor() as vendor, Vendor(tokens=["hang"] * 9) as metadata:
            response, said = self.ask(vendor, {**self.project(vendor), "PATH": f"{az.parent}:/usr/bin:/bin",
                                               "AZURE_POD_IDENTITY_AUTHORITY_HOST": metadata.url})
        self.assertIn("It is 42.", self.text(response))
        self.assertEqual(vendor.models()[0].headers["Authorization"], "Bearer by-az")
        self.assertEqual((az.parent / "asked").read_text(),
                         "account get-access-token --output json --resource https://ai.azure.com\n")
        self.assertIn("is by AzureCliCredential (who signed in by az login); before it: EnvironmentCredential: not set", said)

    @needs_wall
    def test_what_it_thought_goes_back_encrypted(self):
        with self.vendor(plan=[{"code": "print(6 * 7)", "thought": "gAAAAB-what-it-thought"}]) as vendor:
            self.ask(vendor, {**self.project(vendor), **self.application(vendor)})
        first, second = (one.json() for one in vendor.models())
        self.assertEqual(first["include"], ["reasoning.encrypted_content"])
        (thought,) = [one for one in second["input"] if one.get("type") == "reasoning"]
        self.assertEqual((thought["id"], thought["encrypted_content"]), ("rs_1", "gAAAAB-what-it-thought"))

    # ---- tools that the maker runs ----

    FOUND = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "six"}}
    SEARCH = {"type": "web_search_preview", "search_context_size": "low", "user_location": {"type": "approximate", "country": "DE"}}

    @needs_wall
    def test_tools_of_the_maker_are_handed_on(self):
        plan = [{"code": "print(6 * 7)", "found": self.FOUND}, {"say": "It is 42."}, {"say": "As before."}, {"say": "Without."}]
        with self.vendor(plan=plan) as vendor:
            path = self.top / "tools.yaml"
            path.write_text("{}")
            env = {**NOWHERE, **NO_VARIABLE, "SSL_CERT_FILE": str(self.top / "ca.pem"), **self.project(vendor),
                   **self.application(vendor)}
            with Host(PROGRAM, "serve", "--port", "0", str(path), env=env) as host:
                body = {"input": "What is six times seven?", "tools": [self.SEARCH], "tool_choice": {"type": "web_search_preview"},
                        "include": ["web_search_call.action.sources"]}
                response = host.request("/responses", body)[1]
                again = {"input": "And again?", "previous_response_id": response["id"]}
                host.request("/responses", {**again, "tools": [self.SEARCH]})
                host.request("/responses", again)
        self.assertEqual(vendor.wrong, [])
        self.assertIn("It is 42.", self.text(response))
        self.assertEqual(response["output"][0], self.FOUND)
        self.assertEqual(response["tools"], [self.SEARCH])
        first, second, third, fourth = (one.json() for one in vendor.models())
        self.assertEqual([one["type"] for one in first["tools"]], ["function", "web_search_preview"])
        self.assertEqual(first["tools"][1], self.SEARCH)
        self.assertEqual((first["tool_choice"], "tool_choice" in second), ({"type": "web_search_preview"}, False))
        self.assertEqual(first["include"], ["reasoning.encrypted_content", "web_search_call.action.sources"])
        for one in second, third:  # in the same turn and in the next, as it came
            self.assertEqual([item for item in one["input"] if item.get("type") == "web_search_call"], [self.FOUND])
        self.assertNotIn("web_search_call", [item.get("type") for item in fourth["input"]])
        self.assertIn("[web_search_call]", json.dumps(fourth["input"]))  # told, where the request has no such tool

    @needs_wall
    def test_tools_of_the_maker_are_refused_where_there_are_none(self):
        with self.vendor() as vendor:
            chat = {"OPENAI_BASE_URL": f"{vendor.url}/v1", "OPENAI_MODEL": "m"}
            for env, agent, words in ((chat, "model: {kind: chat}", "by chat completions"),
                                      (self.anthropic(vendor), "{}", "by the Messages API"), ({}, "{}", "the offline script")):
                with self.subTest(words):
                    response, _ = self.ask(vendor, env, agent=agent, body={"input": "x", "tools": [
                        {"type": "file_search", "vector_store_ids": ["vs_1"]}]})
                    self.assertEqual((response["error"]["code"], response["error"]["param"]),
                                     ("unsupported_value", "tools[0].type"))
                    self.assertIn("'file_search'", response["error"]["message"])
                    self.assertIn(words, response["error"]["message"])
        self.assertEqual(vendor.requests, [])

    @needs_wall
    def test_the_service_tier_is_what_the_models_server_says(self):
        body = {"input": "x", "service_tier": "auto"}
        for kind, env in (("responses", None), ("chat", None), ("anthropic", True)):
            for said, shown in ((None, "default"), ("priority", "priority"), ("standard" if env else "flex", "default" if env else "flex")):
                turn = {"say": "Good."} if said is None else {"say": "Good.", "tier": said}
                with self.subTest(kind=kind, said=said), self.vendor(plan=[turn]) as vendor:
                    variables = self.anthropic(vendor) if env else {"OPENAI_BASE_URL": f"{vendor.url}/v1", "OPENAI_MODEL": "m"}
                    response, _ = self.ask(vendor, variables, agent=f"model: {{kind: {kind}}}", body=body)
                    self.assertEqual((response["status"], response["service_tier"]), ("completed", shown))
                    self.assertEqual(vendor.models()[0].json()["service_tier"], "auto")

    # ---- Azure OpenAI ----

    @needs_wall
    def test_azure_by_key_and_by_token(self):
        with self.vendor() as vendor:
            azure = {"AZURE_OPENAI_ENDPOINT": vendor.url + "/", "AZURE_OPENAI_MODEL": "deployment-1"}
            key = {**azure, "AZURE_OPENAI_API_KEY": "key-of-azure-0123456789"}
            response, said = self.ask(vendor, key)
            self.assertIn("It is 42.", self.text(response))
            self.assertIn("deployment-1 at Azure OpenAI", said)
            self.ask(vendor, {**azure, **self.application(vendor)})
            self.ask(vendor, {**key, "AZURE_OPENAI_API_VERSION": "preview"})
            self.ask(vendor, {**key, "OPENAI_API_VERSION": "2025-04-01-preview"})
            self.ask(vendor, key, agent="model: {kind: azure, api_version: 2024-10-21}")
        self.assertEqual([one.target for one in vendor.models()][::2], [
            "/openai/v1/responses", "/openai/v1/responses", "/openai/v1/responses?api-version=preview",
            "/openai/responses?api-version=2025-04-01-preview",
            "/openai/deployments/deployment-1/chat/completions?api-version=2024-10-21"])
        self.assertEqual([(one.headers.get("api-key"), one.headers.get("Authorization")) for one in vendor.models()][::2], [
            ("key-of-azure-0123456789", None), (None, "Bearer token-0"), *[("key-of-azure-0123456789", None)] * 3])
        self.assertEqual(vendor.of("/oauth2/")[0].form()["scope"], "https://cognitiveservices.azure.com/.default")

    @needs_wall
    def test_azure_without_the_responses_api_is_spoken_to_by_chat(self):
        missing = {"status": 404, "body": {"error": {"code": "404", "message": "Resource not found"}}}
        with self.vendor(plan=[missing]) as vendor:
            response, _ = self.ask(vendor, {"AZURE_OPENAI_ENDPOINT": vendor.url, "AZURE_OPENAI_DEPLOYMENT": "d",
                                            "AZURE_OPENAI_API_KEY": "k", "OPENAI_API_VERSION": "2025-04-01-preview"})
        self.assertIn("It is 42.", self.text(response))
        self.assertEqual(vendor.models()[1].target, "/openai/deployments/d/chat/completions?api-version=2025-04-01-preview")

    @needs_wall
    def test_a_content_filter_reaches_the_client_as_such(self):
        refusal = {"status": 400, "body": {"error": {"code": "content_filter", "message": "The prompt was filtered.",
                                                     "innererror": {"code": "ResponsibleAIPolicyViolation"}}}}
        with self.vendor(plan=[refusal]) as vendor:
            response, _ = self.ask(vendor, {**self.project(vendor), **self.application(vendor)})
        self.assertEqual(response["error"]["code"], "content_filter")

    # ---- an answer in the form that was asked for ----

    FORMAT = {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": {
        "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}}}

    def in_form(self, *says, stream=False):
        with self.vendor(plan=[{"say": say} for say in says]) as vendor:
            env = {"OPENAI_BASE_URL": f"{vendor.url}/v1", "OPENAI_MODEL": "m"}
            path = self.top / "form.yaml"
            path.write_text("model: {kind: responses}")
            with Host(PROGRAM, "serve", "--port", "0", str(path), env={**NO_VARIABLE, "SSL_CERT_FILE": str(self.top / "ca.pem"), **env}) as host:
                body = {"input": "a number, please", "text": self.FORMAT}
                if not stream:
                    response = host.request("/responses", body)[1]
                else:
                    sent = urllib.request.Request(host.url + "/responses", json.dumps({**body, "stream": True}).encode(),
                                                  {"Content-Type": "application/json"})
                    with urllib.request.urlopen(sent, timeout=GENEROUS) as answer:
                        response = json.loads([line for line in answer if line.startswith(b"data: {")][-1][6:])["response"]
        self.assertEqual(vendor.wrong, [])
        return response, vendor.models()

    @needs_wall
    def test_an_answer_keeps_to_its_schema(self):
        response, requests = self.in_form('{"n": 1}')
        self.assertEqual((response["status"], len(response["output"]), len(requests)), ("completed", 1, 1))
        self.assertEqual(requests[0].json()["text"], self.FORMAT)
        response, requests = self.in_form("It is one.", '{"n": 1}')
        self.assertEqual((response["status"], len(response["output"]), len(requests)), ("completed", 1, 2))
        self.assertEqual(response["output"][0]["content"][0]["text"], '{"n": 1}')
        self.assertEqual([one["role"] for one in requests[1].json()["input"]], ["user", "assistant", "user"])
        self.assertIn("does not have the form that is wanted", json.dumps(requests[1].json()["input"][-1]))
        response, requests = self.in_form('{"n": "one"}', '{"n": null}')
        self.assertEqual((response["status"], len(requests)), ("failed", 2))
        self.assertRegex(response["error"]["message"], "The model's answer does not keep to text.format: the answer: .*'n' is null")

    @needs_wall
    def test_what_was_streamed_is_not_taken_back(self):
        response, requests = self.in_form("It is one.", '{"n": 1}', stream=True)
        self.assertEqual((response["status"], len(requests)), ("failed", 1))
        self.assertIn("does not keep to text.format", response["error"]["message"])
        response, requests = self.in_form('{"n": 1}', stream=True)
        self.assertEqual((response["status"], len(requests)), ("completed", 1))

    # ---- Anthropic ----

    def anthropic(self, vendor):
        return {"ANTHROPIC_BASE_URL": vendor.url, "ANTHROPIC_API_KEY": "key-of-azure-0123456789", "ANTHROPIC_MODEL": "claude"}

    @needs_wall
    def test_anthropic(self):
        with self.vendor(plan=[{"code": "print(6 * 7)", "say": "I run it.", "thought": "signature-1"}]) as vendor:
            response, said = self.ask(vendor, self.anthropic(vendor), body={
                "input": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "What is six times seven?"}],
                "reasoning": {"effort": "high"}, "max_output_tokens": 3000, "user": "user-1"})
        self.assertIn("It is 42.", self.text(response))
        self.assertIn("claude by the Messages API at", said)
        first, second = vendor.models()
        self.assertEqual(first.target, "/v1/messages")
        self.assertEqual(first.headers["x-api-key"], "key-of-azure-0123456789")
        self.assertEqual(first.headers["anthropic-version"], "2023-06-01")
        self.assertNotIn("Authorization", first.headers)
        body = first.json()
        self.assertEqual(body["messages"], [{"role": "user", "content": [{"type": "text", "text": "What is six times seven?"}]}])
        self.assertTrue(body["system"][0]["text"].endswith("Be brief."))
        self.assertEqual((body["max_tokens"], body["thinking"], body["output_config"], body["metadata"]),
                         (3000, {"type": "adaptive"}, {"effort": "high"}, {"user_id": "user-1"}))
        # the thinking goes back as it came, and the result right behind its call
        user, assistant, result = second.json()["messages"]
        self.assertEqual(assistant["content"], [
            {"type": "thinking", "thinking": "Let me think.", "signature": "signature-1"},
            {"type": "redacted_thinking", "data": "hidden-signature-1"}, {"type": "text", "text": "I run it."},
            {"type": "tool_use", "id": "toolu_1", "name": "execute_code", "input": {"code": "print(6 * 7)"}}])
        self.assertEqual(result["role"], "user")
        self.assertEqual((result["content"][0]["type"], result["content"][0]["tool_use_id"]), ("tool_result", "toolu_1"))
        self.assertIn("42", result["content"][0]["content"])
        self.assertEqual(response["usage"]["input_tokens"], 20)
        self.assertEqual(response["usage"]["input_tokens_details"]["cached_tokens"], 8)

    @needs_wall
    def test_anthropic_takes_images_files_tools_and_schemas(self):
        picture = "data:image/png;base64,iVBORw0KGgo="
        with self.vendor(plan=[{"say": "{}"}] * 2) as vendor:
            response, _ = self.ask(vendor, self.anthropic(vendor), body={
                "input": [{"role": "assistant", "content": "Welcome."}, {"role": "user", "content": [
                    {"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": picture, "detail": "auto"},
                    {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}]},
                          {"type": "function_call", "call_id": "call:1", "name": "lookup", "arguments": '{"x": 1}'},
                          {"type": "function_call", "call_id": "call:2", "name": "lookup", "arguments": "{}"},
                          {"type": "function_call_output", "call_id": "call:2", "output": "two"},
                          {"role": "user", "content": "And?"}],
                "tools": [{"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}, "strict": False}],
                "tool_choice": "required", "parallel_tool_calls": False,
                "text": {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": {
                    "type": "object", "properties": {}, "additionalProperties": False}}}})
        self.assertEqual(response["status"], "completed", response)
        body = vendor.models()[0].json()
        self.assertEqual([one["role"] for one in body["messages"]], ["user", "assistant", "user", "assistant", "user"])
        self.assertEqual(body["messages"][2]["content"][2:], [  # behind the line that says where the picture is
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}])
        # a call without a result is in no history
        self.assertEqual([one["id"] for one in body["messages"][3]["content"]], ["call_2"])
        self.assertEqual(body["messages"][4]["content"], [
            {"type": "tool_result", "tool_use_id": "call_2", "content": "two"}, {"type": "text", "text": "And?"}])
        self.assertEqual(body["tool_choice"], {"type": "any", "disable_parallel_tool_use": True})
        self.assertEqual([one["name"] for one in body["tools"]], ["execute_code", "lookup"])
        self.assertEqual(body["output_config"]["format"]["type"], "json_schema")

    @needs_wall
    def test_how_anthropic_stops(self):
        for turn, status, words in (
                ({"say": "It was", "reason": "max_tokens"}, "incomplete", "max_output_tokens"),
                ({"reason": "refusal"}, "completed", "The model declined to answer."),
                ({"status": 404, "body": {"type": "error", "error": {"type": "not_found_error", "message": "model: claude"}}},
                 "failed", "model_not_found"),
                ({"status": 401, "body": {"type": "error", "error": {"type": "authentication_error", "message": "no"}}},
                 "failed", "refused the credentials"),
                ({"status": 413, "body": {"type": "error", "error": {"type": "request_too_large", "message": "no"}}},
                 "failed", "context_length_exceeded")):
            with self.subTest(words), self.vendor(plan=[turn]) as vendor:
                response, _ = self.ask(vendor, self.anthropic(vendor))
                self.assertEqual(response["status"], status)
                self.assertIn(words, json.dumps(response))

    # ---- which of them ----

    @needs_wall
    def test_who_wins_is_said(self):
        with self.vendor() as vendor:
            other = {"OPENAI_API_KEY": "sk-0123456789abcdef", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
            _, said = self.ask(vendor, {**self.project(vendor), **self.application(vendor), **other})
            self.assertIn("(chosen by FOUNDRY_PROJECT_ENDPOINT; set, too, and not used: OPENAI_API_KEY, "
                          "AZURE_OPENAI_ENDPOINT)", said)
            # the platform sets the endpoint alone: that is no choice
            endpoint = {"FOUNDRY_PROJECT_ENDPOINT": f"{vendor.url}/api/projects/p"}
            _, said = self.ask(vendor, {**endpoint, "OPENAI_BASE_URL": f"{vendor.url}/v1", "OPENAI_MODEL": "m"})
            self.assertIn("(chosen by OPENAI_BASE_URL; set, too, and not used: FOUNDRY_PROJECT_ENDPOINT)", said)
            _, said = self.ask(vendor, endpoint)
            self.assertIn("the offline script model (FOUNDRY_PROJECT_ENDPOINT is set, but neither FOUNDRY_MODEL nor", said)

    def doctor(self, env):
        done = subprocess.run([PROGRAM, "doctor"], env={**CLEAN, **NOWHERE, **NO_VARIABLE, "SSL_CERT_FILE": str(self.top / "ca.pem"),
                                                        **env}, capture_output=True, text=True, timeout=GENEROUS)
        return done.stdout

    def test_the_doctor_asks_for_a_token(self):
        with self.vendor(tokens=[TOKEN]) as vendor:
            said = self.doctor({**self.project(vendor), **self.application(vendor)})
            self.assertIn("ok       model        deployment-1 in Foundry by the Responses API", said)
            self.assertIn("ok       tokens       the token for https://ai.azure.com/.default is by EnvironmentCredential", said)
            self.assertNotIn(TOKEN, said)
            said = self.doctor(self.project(vendor))
        self.assertRegex(said, "absent   tokens       the host has no valid credentials.*\n *Sign in by `az login`")
        self.assertIn("the environment names none", self.doctor({}))
        self.assertIn("no deployment of the Azure OpenAI resource is named",
                      self.doctor({"AZURE_OPENAI_ENDPOINT": "https://a.openai.azure.com"}))

    def test_check_tells_which_model_would_be_called(self):
        path = self.top / "good.yaml"
        path.write_text("{}")
        env = {**CLEAN, **NOWHERE, "FOUNDRY_PROJECT_ENDPOINT": "https://a.services.ai.azure.com/api/projects/p/", "FOUNDRY_MODEL": "m"}
        done = subprocess.run([PROGRAM, "check", str(path)], env=env, capture_output=True, text=True, timeout=GENEROUS)
        self.assertEqual(done.stdout, f"{path}: no errors\n{path}: model: m in Foundry by the Responses API, or chat completions "
                                      "if it has none, at https://a.services.ai.azure.com/api/projects/p/openai/v1, with tokens of "
                                      "Microsoft Entra ID\n")

    def refused(self, env, agent="{}"):
        path = self.top / "refused.yaml"
        path.write_text(agent)
        done = subprocess.run([PROGRAM, "check", str(path)], env={**CLEAN, **NOWHERE, **env}, capture_output=True, text=True,
                              timeout=GENEROUS)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_what_is_missing_is_named_by_check(self):
        for kind, env, words in (
                ("foundry", {}, "no Foundry project is named"),
                ("foundry", {"FOUNDRY_PROJECT_ENDPOINT": "https://a/api/projects/p"}, "no model of the Foundry project is named"),
                ("foundry", {"FOUNDRY_PROJECT_ENDPOINT": "https://a.openai.azure.com/", "FOUNDRY_MODEL": "m"},
                 "is not the endpoint of a Foundry project"),
                ("foundry", {"FOUNDRY_PROJECT_ENDPOINT": "http://a/api/projects/p", "FOUNDRY_MODEL": "m"},
                 "tokens of Microsoft Entra ID are sent by https alone"),
                ("foundry", {"FOUNDRY_PROJECT_ENDPOINT": "https://a/api/projects/p", "FOUNDRY_MODEL": "m",
                             "AZURE_TOKEN_CREDENTIALS": "VisualStudioCodeCredential"}, "names no credential that is supported"),
                ("azure", {}, "no Azure OpenAI resource is named"),
                ("azure", {"AZURE_OPENAI_ENDPOINT": "https://a"}, "no deployment of the Azure OpenAI resource is named"),
                ("azure", {"AZURE_OPENAI_ENDPOINT": "https://a", "AZURE_OPENAI_MODEL": "a/b"}, 'deployment is "a/b"'),
                ("anthropic", {}, "no API key for Anthropic's server"),
                ("anthropic", {"ANTHROPIC_API_KEY": "k"}, "no model of Anthropic's is named")):
            with self.subTest(kind=kind, words=words):
                self.assertIn(words, self.refused(env, f"model: {{kind: {kind}}}\n"))


if __name__ == "__main__":
    unittest.main()
