// SIGTERM: nothing new, a grace time for what is in progress, then everybody is told.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startModelServer } from "./model-server/server.mjs";
import { ask, call, parseEvents, until } from "./lib/http.mjs";
import { PATIENT, startServer } from "./lib/server.mjs";

const SLOW = { when: "slow", steps: [{ say: "slowly but surely to the end", delay: 60 }] };
const NEVER = { when: "never", steps: [{ hang: true }] };

let model, folder;
before(async () => {
  model = await startModelServer({ key: "k", rules: [SLOW, NEVER] });
  folder = await mkdtemp(join(tmpdir(), "cloche-e2e-"));
});
after(async () => {
  await model?.close();
  await rm(folder, { recursive: true, force: true });
});

const reached = (word) => until(() => model.requests.some((request) =>
  JSON.stringify(request.body.input).includes(word)), Boolean);

test("shutdown: turns that can finish do, others end as failed, and all are told", async () => {
  const server = await startServer({ model });
  model.requests.length = 0;
  const slow = ask(server.url, { input: "slow" });
  const never = ask(server.url, { input: "never, plain" });
  const stream = call(server.url, "/responses", { body: { input: "never, streamed", stream: true } });
  await Promise.all(["slow", "never, plain", "never, streamed"].map(reached));
  const start = Date.now();
  const ended = server.stop();
  const readiness = await until(() => call(server.url, "/readiness"), ({ status }) => status === 503);
  assert.equal(readiness.json.error.type, "service_unavailable");
  assert.equal((await ask(server.url, { input: "too late" })).status, 503);
  assert.equal((await call(server.url, "/liveness")).status, 200);

  assert.equal((await slow).json.status, "completed");
  const { json } = await never;
  assert.equal(json.status, "failed");
  assert.equal(json.error.code, "server_error");
  const last = parseEvents((await stream).text).at(-1);
  assert.equal(last.type, "response.failed");
  assert.equal(last.response.status, "failed");
  assert.deepEqual(await ended, { code: 0, signal: null });
  assert.ok(Date.now() - start >= 1900, "the grace time was given");
});

test("shutdown: without turns it is immediate", async () => {
  const server = await startServer({ model, agent: PATIENT });
  await call(server.url, "/readiness");
  const start = Date.now();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - start < 60_000, "no grace time is waited for nothing: it is 100 s");
});

test("shutdown: a second signal ends it at once", async () => {
  const server = await startServer({ model, agent: PATIENT });
  model.requests.length = 0;
  const never = ask(server.url, { input: "never" }).catch(() => null);
  await reached("never");
  server.child.kill("SIGTERM");
  await until(() => server.log.includes("stopping"), Boolean);
  server.child.kill("SIGTERM");
  assert.deepEqual(await server.ended, { code: null, signal: "SIGTERM" });
  await never;
});

test("shutdown: a store in a file outlives the server, and has one at a time", async () => {
  const more = { model, arguments: ["--store", join(folder, "responses.db")] };
  const first = await startServer(more);
  const { json: kept } = await ask(first.url, { input: "remember" });
  const { json: lost } = await ask(first.url, { input: "never", background: true });
  await assert.rejects(startServer(more), /another program/);
  await until(() => call(first.url, `/responses/${lost.id}`),
    ({ json }) => json.status === "in_progress");
  first.child.kill("SIGKILL");
  await first.ended;

  const second = await startServer(more);
  assert.equal((await call(second.url, `/responses/${kept.id}`)).json.status, "completed");
  const { json: failed } = await call(second.url, `/responses/${lost.id}`);
  assert.equal(failed.status, "failed");
  assert.equal(failed.error.code, "server_error");
  const { json: next } = await ask(second.url, { input: "go on", previous_response_id: kept.id });
  assert.equal(next.status, "completed");
  await second.stop();
});
