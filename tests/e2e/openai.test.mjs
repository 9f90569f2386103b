// The official openai client, unchanged.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";

import { startModelServer } from "./model-server/server.mjs";
import { until } from "./lib/http.mjs";
import { startServer } from "./lib/server.mjs";

const WEATHER = {
  type: "function", name: "get_weather", description: "The weather of a city", strict: true,
  parameters: {
    type: "object", properties: { city: { type: "string" } }, required: ["city"],
    additionalProperties: false,
  },
};

let model, server, client;
before(async () => {
  model = await startModelServer({ key: "k" });
  server = await startServer({ model });
  client = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, maxRetries: 0 });
});
after(async () => {
  await server?.stop();
  await model?.close();
});
beforeEach(() => model.setRules([]));

test("openai: responses.create", async () => {
  const response = await client.responses.create({ model: "m", input: "Hello" });
  assert.equal(response.status, "completed");
  assert.equal(response.output_text, "You said: Hello");
  assert.equal(response.usage.total_tokens, 30);
});

test("openai: the base URL works without /v1 too", async () => {
  const bare = new OpenAI({ apiKey: "any", baseURL: server.url });
  assert.equal((await bare.responses.create({ input: "Hi" })).output_text, "You said: Hi");
});

test("openai: stream: true yields events in order", async () => {
  const stream = await client.responses.create({ model: "m", input: "Hello", stream: true });
  const events = [];
  for await (const event of stream) events.push(event);
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  const text = events.filter((event) => event.type === "response.output_text.delta")
    .map((event) => event.delta).join("");
  assert.equal(text, "You said: Hello");
});

test("openai: the stream helper puts the response together", async () => {
  const stream = client.responses.stream({ model: "m", input: "Hello" });
  const deltas = [];
  stream.on("response.output_text.delta", (event) => deltas.push(event.delta));
  const response = await stream.finalResponse();
  assert.equal(response.output_text, "You said: Hello");
  assert.equal(deltas.join(""), "You said: Hello");
});

test("openai: previous_response_id carries the history, and branches", async () => {
  const first = await client.responses.create({ model: "m", input: "one" });
  const more = { model: "m", previous_response_id: first.id };
  await client.responses.create({ ...more, input: "two" });
  await client.responses.create({ ...more, input: "three" });
  const said = (request) => request.body.input.map((item) =>
    (typeof item.content === "string" ? item.content : item.content.map((part) => part.text).join("")));
  assert.deepEqual(said(model.requests.at(-2)), ["one", "You said: one", "two"]);
  assert.deepEqual(said(model.requests.at(-1)), ["one", "You said: one", "three"]);
});

const CODE = "Run this:\n```python\nprint(6 * 7)\n```";
const WAYS = { // what a turn sends: from what was sent and what was answered before
  previous_response_id: (turns) => ({ input: turns.at(-1).said,
    previous_response_id: turns.at(-2)?.response.id }),
  conversation: (turns, name) => ({ input: turns.at(-1).said, conversation: name }),
  "items sent back": (turns) => ({ input: turns.flatMap(({ said, response }) =>
    [{ role: "user", content: said }, ...(response?.output ?? [])]) }),
  references: (turns) => ({ input: turns.flatMap(({ said, response }) => [{ role: "user", content: said },
    ...(response?.output ?? []).map(({ id }) => ({ type: "item_reference", id }))]) }),
};
for (const [way, body] of Object.entries(WAYS)) {
  for (const stream of [false, true]) {
    test(`openai: code in three turns by ${way}${stream ? ", streamed" : ""}`, async () => {
      const turns = [], before = model.requests.length, name = `conv_${way.length}_${Date.now()}`;
      for (const said of [CODE, "second", "third"]) {
        turns.push({ said });
        const request = { model: "m", ...body(turns, name) };
        turns.at(-1).response = stream ? await client.responses.stream(request).finalResponse()
          : await client.responses.create(request);
      }
      assert.match(turns[0].response.output_text, /42/);
      assert.deepEqual(turns.map(({ response }) => response.output.map((item) => item.type)),
        [["mcp_call", "message"], ["message"], ["message"]]);
      assert.equal(turns[2].response.output_text, "You said: third");
      assert.equal(model.requests.length - before, 4); // two for the code, one for each turn after it
      assert.deepEqual(model.requests.at(-1).body.input.map((item) => item.role ?? item.type),
        ["user", "function_call", "function_call_output", "assistant", "user", "assistant", "user"]);
      const { call_id: id, arguments: code } = model.requests.at(-1).body.input[1];
      assert.equal(id, model.requests[before + 1].body.input[1].call_id);
      assert.equal(JSON.parse(code).code.trim(), "print(6 * 7)");
    });
  }
}

test("openai: a conversation carries the history", async () => {
  const conversation = `conv_${Date.now()}`;
  await client.responses.create({ model: "m", input: "one", conversation });
  await client.responses.create({ model: "m", input: "two", conversation: { id: conversation } });
  assert.equal(model.requests.at(-1).body.input.length, 3);
});

test("openai: a failed turn does not poison the next", async () => {
  model.setRules([{ when: "break", steps: [{ say: "A long answer, cut off", cut: 6, delay: 20 }] }]);
  const failed = await client.responses.create({ model: "m", input: "break" });
  assert.equal(failed.status, "failed");
  assert.equal(failed.completed_at, null);
  assert.equal(typeof failed.error.message, "string");
  const next = await client.responses.create(
    { model: "m", input: "again", previous_response_id: failed.id });
  assert.equal(next.output_text, "You said: again");
});

test("openai: the client's own tool is called and answered", async () => {
  model.setRules([{ when: "weather", steps: [
    { calls: [{ name: "get_weather", arguments: { city: "Oslo" } }] }, { say: "It is {output}." }] }]);
  const asked = await client.responses.create(
    { model: "m", input: "The weather?", tools: [WEATHER] });
  const [call] = asked.output;
  assert.equal(call.type, "function_call");
  assert.deepEqual(JSON.parse(call.arguments), { city: "Oslo" });
  const answered = await client.responses.create({
    model: "m", previous_response_id: asked.id, tools: [WEATHER],
    input: [{ type: "function_call_output", call_id: call.call_id, output: "sunny" }],
  });
  assert.equal(answered.output_text, "It is sunny.");
  const sent = model.requests.at(-1).body.tools.find((tool) => tool.name === "get_weather");
  assert.deepEqual(sent.parameters, WEATHER.parameters);
});

test("openai: a client that keeps the history itself sends the output back", async () => {
  const first = await client.responses.create({ model: "m", input: "one", store: false });
  const second = await client.responses.create({
    model: "m", store: false,
    input: [{ role: "user", content: "one" }, ...first.output, { role: "user", content: "two" }],
  });
  assert.equal(second.output_text, "You said: two");
  assert.equal(model.requests.at(-1).body.input.length, 3);
});

test("openai: retrieve, input items, delete", async () => {
  const made = await client.responses.create({ model: "m", input: "keep this" });
  const { _request_id: _, ...got } = await client.responses.retrieve(made.id);
  assert.deepEqual(got.output, made.output);
  const items = [];
  for await (const item of client.responses.inputItems.list(made.id)) items.push(item);
  assert.equal(items[0].content[0].text, "keep this");
  await client.responses.delete(made.id);
  await assert.rejects(client.responses.retrieve(made.id), OpenAI.NotFoundError);
});

test("openai: input items are paged by the client", async () => {
  const input = Array.from({ length: 25 }, (_, i) => ({ role: "user", content: `n${i}` }));
  const made = await client.responses.create({ model: "m", input });
  const texts = [];
  for await (const item of client.responses.inputItems.list(made.id, { limit: 10, order: "asc" }))
    texts.push(item.content[0].text);
  assert.deepEqual(texts, input.map((item) => item.content));
});

test("openai: a background response is polled, streamed again and cancelled", async () => {
  const queued = await client.responses.create({ model: "m", input: "later", background: true });
  assert.equal(queued.status, "queued");
  const done = await until(() => client.responses.retrieve(queued.id),
    (response) => response.status === "completed");
  assert.equal(done.output_text, "You said: later");
  const again = await client.responses.retrieve(queued.id, { stream: true, starting_after: 2 });
  const numbers = [];
  for await (const event of again) numbers.push(event.sequence_number);
  assert.equal(numbers[0], 3);
  assert.deepEqual(numbers, numbers.map((_, index) => index + 3));

  model.setRules([{ steps: [{ hang: true }] }]);
  const endless = await client.responses.create({ model: "m", input: "x", background: true });
  const cancelled = await client.responses.cancel(endless.id);
  assert.equal(cancelled.status, "cancelled");
  assert.deepEqual(cancelled.output, []);
});

const ERRORS = [
  ["BadRequestError", { model: "m", input: "x", temperature: 9 }, "temperature"],
  ["BadRequestError", { model: "m" }, "input"],
  ["BadRequestError", { model: "m", input: "x", background: true, store: false }, "background"],
  ["BadRequestError", { model: "m", input: "x", previous_response_id: "resp_nobody" },
    "previous_response_id"],
];
for (const [kind, body, param] of ERRORS) {
  test(`openai: ${kind} about ${param}`, async () => {
    await assert.rejects(client.responses.create(body), (error) => {
      assert.ok(error instanceof OpenAI[kind], `${error.constructor.name}: ${error.message}`);
      assert.equal(error.param, param);
      assert.equal(error.type, "invalid_request_error");
      assert.ok(error.requestID?.startsWith("req_"));
      return true;
    });
  });
}

test("openai: models are listed and found", async () => {
  const ids = [];
  for await (const one of client.models.list()) ids.push(one.id);
  const { model: shown } = await client.responses.create({ input: "x" });
  assert.deepEqual(ids, ["quick", shown]);
  assert.equal((await client.models.retrieve("quick")).object, "model");
  await assert.rejects(client.models.retrieve("org/other"), OpenAI.NotFoundError);
});

test("openai: the request id is the caller's", async () => {
  const { data, response, request_id: id } = await client.responses
    .create({ model: "m", input: "x" }, { headers: { "x-request-id": "mine-1" } }).withResponse();
  assert.equal(id, "mine-1");
  assert.match(response.headers.get("x-platform-server"), /^cloche\//);
  assert.match(data.id, /^resp_[0-9a-f]{32,}$/);
});
