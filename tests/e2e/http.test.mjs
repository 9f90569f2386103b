// What plain HTTP clients see: chunks, comments on quiet streams, bodies too large, clients that
// leave, too many requests at once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";

import { startModelServer } from "./model-server/server.mjs";
import { ask, call, openRaw, parseEvents, until } from "./lib/http.mjs";
import { startServer } from "./lib/server.mjs";

let model, server;
before(async () => {
  model = await startModelServer({ key: "k" });
  server = await startServer({ model });
});
after(async () => {
  await server?.stop();
  await model?.close();
});
beforeEach(() => model.setRules([]));

// The chunks of a chunked body; each must be one event, comment or the end mark.
async function readChunks(socket) {
  let bytes = Buffer.alloc(0);
  for await (const part of socket) {
    bytes = Buffer.concat([bytes, part]);
    if (bytes.includes("\r\n0\r\n\r\n")) break;
  }
  const body = bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  const chunks = [];
  for (let at = 0; ;) {
    const line = body.indexOf("\r\n", at);
    const size = parseInt(body.subarray(at, line).toString(), 16);
    if (size === 0) return chunks;
    chunks.push(body.subarray(line + 2, line + 2 + size).toString());
    at = line + 2 + size + 2;
  }
}

test("http: curl gets an answer", async () => {
  const run = promisify(execFile);
  const { stdout } = await run("curl", ["-sS", `${server.url}/responses`, "-d", '{"input": "Hi"}']);
  assert.equal(JSON.parse(stdout).output[0].content[0].text, "You said: Hi");
});

test("http: the headers of a stream", async () => {
  const reply = await call(server.url, "/responses", { body: { input: "x", stream: true } });
  assert.equal(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(reply.headers.get("cache-control"), "no-cache");
  assert.equal(reply.headers.get("x-accel-buffering"), "no");
});

test("http: each event is one chunk", async () => {
  const text = "€".repeat(20_000); // 60 KB in the events that quote it whole
  model.setRules([{ steps: [{ say: text }] }]);
  const socket = await openRaw(server.url, "/v1/responses", { input: "x", stream: true });
  const chunks = await readChunks(socket);
  socket.destroy();
  for (const chunk of chunks)
    assert.match(chunk, /^((event: [\w.]+\n)?data: .*|: keep-alive)\n\n$/);
  const events = parseEvents(chunks.join(""));
  assert.equal(events.at(-1).response.output[0].content[0].text, text);
});

test("http: a quiet stream carries comments", async () => {
  model.setRules([{ steps: [{ say: "slow and steady", delay: 300 }] }]); // after each event
  const reply = await call(server.url, "/responses", { body: { input: "x", stream: true } });
  assert.match(reply.text, /: keep-alive\n\n/);
  assert.equal(parseEvents(reply.text).at(-1).type, "response.completed");
});

test("http: a body of more than 32 MiB is refused, one of less is not", async () => {
  const big = await call(server.url, "/responses",
    { raw: `{"input": "${"a".repeat(33 << 20)}"}` });
  assert.equal(big.status, 413);
  assert.equal(big.json.error.code, "request_too_large");
  const nearly = await call(server.url, "/responses",
    { raw: `{"temperature": 9, "input": "${"a".repeat(31 << 20)}"}` });
  assert.equal(nearly.status, 400);
  assert.equal(nearly.json.error.param, "temperature");
});

test("http: a client that asks first is refused before it sends", async () => {
  const socket = await openRaw(server.url, "/responses", undefined,
    { headers: `Expect: 100-continue\r\nContent-Length: ${40 << 20}\r\nX-Ignore: ` });
  const [answer] = await once(socket, "data");
  assert.match(answer.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
});

for (const stream of [false, true]) {
  test(`http: a client that leaves cancels its turn (stream: ${stream})`, async () => {
    model.setRules([{ steps: [{ hang: true }] }]);
    const marker = `leave ${stream} ${Date.now()}`;
    const socket = await openRaw(server.url, "/responses",
      { input: marker, stream, metadata: { marker } });
    await until(() => model.requests.at(-1)?.body.input[0].content[0].text === marker, Boolean);
    const before = server.events().length;
    socket.destroy();
    const line = await until(() => server.events().slice(before)
      .find((event) => event.event === "request" && event.method === "POST"), Boolean);
    assert.match(line.outcome, /^(cancelled|client_gone)$/);
    const gone = await until(() => call(server.url, `/responses/${line.response}`),
      ({ status }) => status === 200);
    assert.equal(gone.json.status, "cancelled");
    assert.deepEqual(gone.json.output, []);
  });
}

test("http: a background response goes on without its client", async () => {
  model.setRules([{ steps: [{ say: "still here, all of it", delay: 100 }] }]);
  const socket = await openRaw(server.url, "/responses",
    { input: "x", stream: true, background: true });
  const [head] = await once(socket, "data");
  const [, id] = /"id":"(resp_[0-9a-f]+)"/.exec(head.toString()) ?? /"id":"(resp_[0-9a-f]+)"/
    .exec((await once(socket, "data")).toString());
  socket.destroy();
  const done = await until(() => call(server.url, `/responses/${id}`),
    ({ json }) => json.status === "completed");
  assert.equal(done.json.output[0].content[0].text, "still here, all of it");
});

test("http: a foreground response in flight is not there yet", async () => {
  model.setRules([{ steps: [{ hang: true }] }]);
  const leave = new AbortController();
  const headers = { "x-agent-response-id": `resp_mine_${Date.now()}` };
  const request = fetch(`${server.url}/responses`, {
    method: "POST", headers, body: JSON.stringify({ input: "x" }), signal: leave.signal,
  }).catch(() => null);
  const path = `/responses/${headers["x-agent-response-id"]}`;
  const cancel = await until(() => call(server.url, `${path}/cancel`, { method: "POST" }),
    ({ status }) => status !== 404);
  assert.equal(cancel.status, 400);
  assert.match(cancel.json.error.message, /synchronous/);
  assert.equal((await call(server.url, path)).status, 404);
  assert.equal((await call(server.url, path, { method: "DELETE" })).status, 404);
  leave.abort();
  await request;
});

test("http: of requests that ask for one id at the same time, one gets it", async () => {
  const rounds = Math.max(1, 20 * Number(process.env.CLOCHE_TEST_SHARE ?? 100) / 100);
  for (let round = 0; round < rounds; round += 1) {
    const headers = { "x-agent-response-id": `resp_wanted_${Date.now()}_${round}` };
    const replies = await Promise.all(Array.from({ length: 16 }, (_, i) =>
      call(server.url, "/responses", { headers, body: { input: `n${i}` } })));
    const made = replies.filter(({ status }) => status === 200);
    assert.equal(made.length, 1, `round ${round}: ${replies.map(({ status }) => status)}`);
    for (const { status, json } of replies)
      if (status !== 200) assert.equal(json.error.param, "x-agent-response-id");
    const stored = await call(server.url, `/responses/${headers["x-agent-response-id"]}`);
    assert.deepEqual(stored.json.output, made[0].json.output);
  }
});

test("http: what is too much is refused with 429 and Retry-After", async () => {
  model.setRules([{ steps: [{ hang: true }] }]);
  const made = [];
  for (let i = 0; i < 40 + 8 + 1; i += 1)
    made.push(await call(server.url, "/responses", { body: { input: "x", background: true } }));
  const refused = made.pop();
  assert.deepEqual(made.map(({ status }) => status), made.map(() => 200));
  assert.equal(refused.status, 429);
  assert.equal(refused.json.error.type, "rate_limit_error");
  assert.equal(refused.headers.get("retry-after"), "1");
  for (const { json } of made)
    assert.equal((await call(server.url, `/responses/${json.id}/cancel`, { method: "POST" })).status, 200);
  model.setRules([]);
  assert.equal((await ask(server.url, { input: "and now?" })).json.status, "completed");
});

test("http: the log names requests and never what they say", async () => {
  await ask(server.url, { input: "a-secret-word", instructions: "another-secret" });
  const line = await until(() => server.events().at(-1), (event) => event?.path === "/responses");
  assert.equal(line.status, 200);
  assert.equal(line.outcome, "completed");
  assert.equal(typeof line.ms, "number");
  assert.ok(!server.log.includes("secret"));
});
