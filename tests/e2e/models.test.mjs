// The model behind an OpenAI-compatible HTTP server, by both of its protocols: the official client
// gets the same from the agent, whole and streamed.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { startModelServer } from "./model-server/server.mjs";
import { until } from "./lib/http.mjs";
import { QUICK, startServer } from "./lib/server.mjs";

const CODE = "Run this:\n```python\nprint(6 * 7)\n```";
const AGENTS = { responses: QUICK, chat: QUICK.replace("quick.yaml", "chat.yaml") };
const PATHS = { responses: "/responses", chat: "/chat/completions" };

for (const protocol of ["responses", "chat"]) {
  test(`model by ${protocol}: code, whole and streamed`, async () => {
    const model = await startModelServer({ key: "k" });
    const server = await startServer({ model, agent: AGENTS[protocol] });
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
    try {
      const whole = await client.responses.create({ model: "m", input: CODE });
      assert.deepEqual(whole.output.map((item) => item.type),
        ["mcp_call", "message"]);
      assert.match(whole.output_text, /42/);

      const stream = client.responses.stream({ model: "m", input: CODE });
      let text = "";
      for await (const event of stream) {
        if (event.type === "response.output_text.delta") text += event.delta;
      }
      assert.match(text, /42/);
      assert.equal((await stream.finalResponse()).status, "completed");

      // the trace that a request belongs to goes on, and stands in the log
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      const traced = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
      await client.responses.create({ model: "m", input: CODE }, { headers: traced });
      assert.deepEqual(model.requests.slice(-2).map(({ headers }) => headers.traceparent),
        [traced.traceparent, traced.traceparent]);
      const line = await until(() => server.events().at(-1), (event) => event?.trace);
      assert.equal(line.trace, trace);
      await client.responses.create({ input: "x", user: "u" },
        { headers: { traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01` } });
      assert.equal(model.requests.at(-1).headers.traceparent, undefined);
      assert.equal(model.requests.at(-1).body.user, "u");

      assert.ok(model.requests.length >= 4);
      for (const request of model.requests) {
        assert.ok(request.path.endsWith(PATHS[protocol]), request.path);
        assert.equal(request.body.stream, true);
      }
    } finally {
      await server.stop();
      await model.close();
    }
  });
}

test("model: auto, a server of chat completions alone: found once, and said in the log", async () => {
  const model = await startModelServer({ key: "k", paths: ["/chat/completions"] });
  const server = await startServer({ model, agent: AGENTS.responses });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
  try {
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await client.responses.create({ model: "m", input: CODE });
      assert.match(answer.output_text, /42/);
    }
    assert.ok(model.requests.every((request) => request.path === "/chat/completions"));
    assert.match(server.log, /by the Responses API, or chat completions if it has none, at http/);
    const notices = server.events().filter((line) => line.event === "model");
    assert.equal(notices.length, 1);
    assert.match(notices[0].message, /has no Responses API/);
  } finally {
    await server.stop();
    await model.close();
  }
});

test("model by chat: what is null or empty at the client's side is not so on its way", async () => {
  const rules = [{ when: "ping", steps: [{ calls: [{ name: "ping" }] }, { say: "<{output}>" }] }];
  const model = await startModelServer({ key: "k", rules });
  const server = await startServer({ model, agent: AGENTS.chat });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
  const tools = [{ type: "function", name: "ping", description: null, parameters: null, strict: null }];
  const input = [{ role: "developer", content: "Be kind." }, { role: "user", content: "ping" }];
  try {
    const first = await client.responses.create({ model: "m", input, tools, temperature: null });
    assert.equal(first.error, null);
    const [{ call_id }] = first.output;
    const second = await client.responses.create({ model: "m", tools,
      previous_response_id: first.id, input: [{ type: "function_call_output", call_id, output: "" }] });
    assert.equal(second.error, null);
    assert.equal(second.output_text, "<(no text)>");
  } finally {
    await server.stop();
    await model.close();
  }
});
