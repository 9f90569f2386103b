// The model server itself: both protocols, streamed and plain, and what it refuses.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startModelServer } from "./server.mjs";

const RULES = [
  { when: "compute", steps: [{ say: "Wait. ", code: "print(6 * 7)" }, { say: "<{output}>" }] },
  { when: "busy", steps: [{ status: 503, error: "come back later", headers: { "retry-after": "1" } }] },
  { when: "cut", steps: [{ say: "a long text that is never finished", cut: 3 }] },
];
let model;

before(async () => { model = await startModelServer({ rules: RULES, key: "k" }); });
after(() => model.close());

const post = (path, body, key = "k") => fetch(model.url + path, {
  method: "POST", body: JSON.stringify(body),
  headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
});
const user = (content) => ({ role: "user", content });
const responses = (input, more) => post("/responses", { model: "m", store: false, input, ...more });
const chat = (messages, more) => post("/chat/completions", { model: "m", messages, ...more });

const events = (text) => text.split("\n\n").filter(Boolean)
  .map((event) => event.replace(/^event: .*\n/, "").replace(/^data: /, ""))
  .filter((data) => data !== "[DONE]").map((data) => JSON.parse(data));

test("responses: a call, then its output in the answer", async () => {
  const first = await (await responses([user("compute")])).json();
  assert.deepEqual(first.output.map((item) => item.type), ["message", "function_call"]);
  const call = first.output[1];
  assert.deepEqual(JSON.parse(call.arguments), { code: "print(6 * 7)" });
  const result = { type: "function_call_output", call_id: call.call_id, output: "42" };
  const second = await (await responses([user("compute"), ...first.output, result])).json();
  assert.equal(second.output[0].content[0].text, "<42>");
});

test("responses: the deltas of a stream add up", async () => {
  const list = events(await (await responses([user("compute")], { stream: true })).text());
  assert.deepEqual(list.map((event) => event.sequence_number), list.map((_, index) => index));
  const joined = (type) => list.filter((event) => event.type === type).map((e) => e.delta).join("");
  assert.equal(joined("response.output_text.delta"), "Wait. ");
  assert.equal(joined("response.function_call_arguments.delta"), '{"code":"print(6 * 7)"}');
  assert.equal(list.at(-1).type, "response.completed");
  assert.equal(list.at(-1).response.output.length, 2);
});

test("chat: streamed and plain say the same", async () => {
  const plain = await (await chat([user("compute")])).json();
  const streamed = events(await (await chat([user("compute")],
    { stream: true, stream_options: { include_usage: true } })).text());
  const deltas = streamed.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), plain.choices[0].message.content);
  const text = deltas.flatMap((delta) => delta.tool_calls ?? [])
    .map((call) => call.function.arguments).join("");
  assert.equal(text, plain.choices[0].message.tool_calls[0].function.arguments);
  assert.equal(streamed.at(-1).usage.total_tokens, 30);
});

test("without a rule, a fenced block is run and its output said", async () => {
  const asked = user("```python\nprint(1)\n```");
  const first = await (await responses([asked])).json();
  assert.equal(JSON.parse(first.output[0].arguments).code, "print(1)\n");
  const echo = await (await responses([user("hello")])).json();
  assert.equal(echo.output[0].content[0].text, "You said: hello");
});

test("it refuses what the real ones refuse", async () => {
  const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
  const cases = [
    await responses([]), await responses([user("x"), call]),
    await responses([user("x"), { type: "function_call_output", call_id: "c", output: "" }]),
    await responses([{ type: "mcp_approval_request" }]),
    await responses([user("x"), { ...call, arguments: "{oops" }]),
    await chat([{ role: "assistant", tool_calls: [{ id: "c", function: { arguments: "{}" } }] }]),
    await chat([{ role: "tool", tool_call_id: "c", content: "" }]),
  ];
  for (const reply of cases) {
    assert.equal(reply.status, 400);
    assert.ok((await reply.json()).error.message);
  }
  assert.equal((await post("/responses", {}, "wrong")).status, 401);
  assert.equal((await post("/other", {})).status, 404);
});

test("a batch of calls is one step", async () => {
  const two = { calls: ["a", "b"].map((name) => ({ name, arguments: {} })) };
  model.setRules([{ steps: [two, { say: "<{output}>" }] }]);
  const first = await (await responses([user("x")])).json();
  const results = first.output.map((call) =>
    ({ type: "function_call_output", call_id: call.call_id, output: call.name }));
  const second = await (await responses([user("x"), ...first.output, ...results])).json();
  assert.equal(second.output[0].content[0].text, "<b>");
  model.setRules(RULES);
});

test("rules can refuse and break off", async () => {
  const busy = await responses([user("busy")]);
  assert.equal(busy.status, 503);
  assert.equal(busy.headers.get("retry-after"), "1");
  await assert.rejects(async () => (await responses([user("cut")], { stream: true })).text());
});

test("requests are kept for assertions", async () => {
  model.requests.length = 0;
  await responses([user("hello")]);
  const kept = await (await fetch(`${model.url.replace("/v1", "")}/_requests`)).json();
  assert.equal(kept.length, 1);
  assert.equal(kept[0].body.input[0].content, "hello");
});
