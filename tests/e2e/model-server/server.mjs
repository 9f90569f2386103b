// A model server for end-to-end tests: OpenAI's Responses and chat-completions protocols, streamed
// and plain, with rules in place of a model (rules.mjs). It refuses what the real ones refuse.
//
//   import { startModelServer } from "./server.mjs";
//   const model = await startModelServer({ rules, key, paths });   // all optional; paths: what
//                                                                  // else is 404, both by default
//   model.url        "http://127.0.0.1:PORT/v1", for OPENAI_BASE_URL
//   model.requests   [{ path, headers, body }] in order
//   model.setRules(rules); await model.close();
//
//   node server.mjs [--port N] [--rules FILE.json] [--key KEY]    // prints the URL
//
// Over HTTP: GET /_requests, DELETE /_requests, PUT /_rules (a JSON array).
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import * as chat from "./chat.mjs";
import * as responses from "./responses.mjs";
import { decide } from "./rules.mjs";

const PROTOCOLS = { "/responses": responses, "/chat/completions": chat };
const ALL = Object.keys(PROTOCOLS);
const BODY_MAX = 64 * 1024 * 1024;

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_MAX) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(reply, status, value, headers = {}) {
  reply.writeHead(status, { "content-type": "application/json", ...headers });
  reply.end(JSON.stringify(value));
}

function refuse(reply, status, message, headers, code = null) {
  const type = status === 401 ? "authentication_error" : status >= 500 ? "server_error"
    : "invalid_request_error";
  sendJson(reply, status, { error: { message, type, code, param: null } }, headers);
}

async function stream(reply, protocol, body, step) {
  reply.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  let sent = 0;
  for (const [type, data] of protocol.events(body, step)) {
    if (step.cut !== undefined && sent === step.cut) return reply.destroy();
    const text = `${type ? `event: ${type}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
    await new Promise((resolve) => { reply.write(text, resolve); });
    sent += 1;
    if (step.delay) await sleep(step.delay);
    if (reply.destroyed) return undefined;
  }
  if (protocol === chat) reply.write("data: [DONE]\n\n");
  return reply.end();
}

async function answer(state, protocol, request, reply, body) {
  if (state.key && request.headers.authorization !== `Bearer ${state.key}`)
    return refuse(reply, 401, "Incorrect API key provided.");
  const { scene, error } = protocol.read(body);
  if (error) return refuse(reply, 400, error);
  const step = decide(state.rules, scene);
  if (step.hang) return undefined; /* until the client goes away */
  if (step.status)
    return refuse(reply, step.status, step.error ?? "as the rule says", step.headers,
      step.errorCode);
  if (body.stream) return stream(reply, protocol, body, step);
  return sendJson(reply, 200, protocol.whole(body, step));
}

async function handle(state, request, reply) {
  const path = new URL(request.url, "http://localhost").pathname.replace(/^\/v1(?=\/)/, "");
  const text = await readBody(request);
  if (path === "/_requests" && request.method === "GET") return sendJson(reply, 200, state.requests);
  if (path === "/_requests" && request.method === "DELETE") {
    state.requests.length = 0;
    return sendJson(reply, 200, {});
  }
  if (path === "/_rules" && request.method === "PUT") {
    state.rules = JSON.parse(text);
    return sendJson(reply, 200, {});
  }
  const protocol = state.paths.includes(path) ? PROTOCOLS[path] : null;
  if (!protocol || request.method !== "POST") return refuse(reply, 404, `Nothing at ${path}.`);
  const body = JSON.parse(text);
  state.requests.push({ path, headers: request.headers, body });
  return answer(state, protocol, request, reply, body);
}

export async function startModelServer({ port = 0, rules = [], key = null, paths = ALL } = {}) {
  const state = { rules, key, paths, requests: [] };
  const server = createServer((request, reply) => {
    handle(state, request, reply).catch((error) => {
      if (reply.headersSent) reply.destroy();
      else refuse(reply, 400, `${error.message}`);
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    requests: state.requests,
    setRules: (next) => { state.rules = next; },
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: {
    port: { type: "string", default: "0" }, rules: { type: "string" }, key: { type: "string" },
  } });
  const rules = values.rules ? JSON.parse(readFileSync(values.rules, "utf8")) : [];
  const model = await startModelServer({ port: Number(values.port), rules, key: values.key });
  console.log(`listening on ${model.url}`);
  for (const signal of ["SIGINT", "SIGTERM"])
    process.on(signal, () => model.close().then(() => process.exit(0)));
}
