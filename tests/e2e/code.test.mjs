// The whole way: HTTP, the agent, Python in a micro-VM, tools on the host.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import OpenAI from "openai";

import { startModelServer } from "./model-server/server.mjs";
import { ask, call, openRaw, parseEvents, until } from "./lib/http.mjs";
import { BRIEF, EXAMPLE, PATIENT, startServer } from "./lib/server.mjs";

const python = (code) => `Run this:\n\`\`\`python\n${code}\n\`\`\``;
const outputOf = (response) => response.output
  .find((item) => item.type === "mcp_call")?.output ?? JSON.stringify(response);

describe("the example, offline", () => {
  let server;
  before(async () => { server = await startServer({ agent: EXAMPLE }); });
  after(() => server?.stop());

  test("code: the example's question is answered from the tools", async () => {
    const { json } = await ask(server.url, {
      input: "Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and "
        + "multiplication result. Use execute_code with call_tool(...)." });
    assert.deepEqual(json.output.map((item) => item.type),
      ["mcp_call", "message"]);
    const text = json.output[1].content[0].text;
    for (const word of ["Alice", "Bob", "Charlie", "Admins: Alice, Charlie", "42"])
      assert.ok(text.includes(word), text);
  });

  test("code: a fenced block in the message is run", async () => {
    const { json } = await ask(server.url, { input: python("print(sum(range(1000)))") });
    assert.match(outputOf(json), /499500/);
  });

  test("code: streamed by the openai client, items in order", async () => {
    const client = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1` });
    const stream = client.responses.stream({ model: "m", input: python("print(6 * 7)") });
    const types = [];
    stream.on("response.output_item.done", (event) => types.push(event.item.type));
    const response = await stream.finalResponse();
    assert.deepEqual(types, ["mcp_call", "message"]);
    assert.match(response.output_text, /42/);
  });
});

test("code: the form in which runs are shown is a choice of the server, or of a request", async () => {
  const server = await startServer({ agent: EXAMPLE, arguments: ["--items", "calls"] });
  try {
    const body = { input: python("print(6 * 7)") };
    const shown = async (headers, more) => {
      const { json, text } = await call(server.url, "/responses", { body: { ...body, ...more }, headers });
      const { output } = json ?? parseEvents(text).at(-1).response;
      return output.map((item) => item.type);
    };
    for (const more of [{}, { stream: true }]) {
      assert.deepEqual(await shown({}, more), ["function_call", "function_call_output", "message"]);
      assert.deepEqual(await shown({ "x-cloche-items": "mcp" }, more), ["mcp_call", "message"]);
      assert.deepEqual(await shown({ "x-cloche-items": "answer" }, more), ["message"]);
    }
  } finally {
    await server.stop();
  }
  await assert.rejects(startServer({ agent: EXAMPLE, arguments: ["--items", "all"] }),
    /--items "all" is none of mcp, calls and answer/);
});

describe("code behind a model server", () => {
  let model, server;
  before(async () => {
    model = await startModelServer({ key: "k" });
    server = await startServer({ model });
  });
  after(async () => {
    await server?.stop();
    await model?.close();
  });

  test("code: an exception's traceback reaches the model and the client", async () => {
    const { json } = await ask(server.url, { input: python("def f():\n    return 1 / 0\nf()") });
    assert.match(outputOf(json), /ZeroDivisionError/);
    const seen = model.requests.at(-1).body.input.at(-1);
    assert.equal(seen.type, "function_call_output");
    assert.match(seen.output, /return 1 \/ 0[\s\S]*ZeroDivisionError/);
  });

  test("code: each run starts clean", async () => {
    await ask(server.url, { input: python("leak = 1; print(leak)") });
    const { json } = await ask(server.url, { input: python("print('leak' in globals())") });
    assert.match(outputOf(json), /False/);
  });

  test("code: what loops for ever is stopped by its limit, and the model is told", async () => {
    const brief = await startServer({ model, agent: BRIEF });
    const { json } = await ask(brief.url, { input: python("while True: pass") });
    assert.equal(json.status, "completed");
    assert.match(outputOf(json), /TimeLimitExceeded|CpuLimitExceeded/);
    assert.match(model.requests.at(-1).body.input.at(-1).output, /TimeLimitExceeded|CpuLimitExceeded/);
    await brief.stop();
  });

  test("code: 32 at once, one of them for ever", async () => {
    const patient = await startServer({ model, agent: PATIENT });
    const leave = new AbortController();
    const endless = { ended: false };
    endless.request = fetch(`${patient.url}/responses`, {
      method: "POST", signal: leave.signal, body: JSON.stringify({ input: python("while True: pass") }),
    }).catch(() => null).finally(() => { endless.ended = true; });
    const others = await Promise.all(Array.from({ length: 31 }, (_, i) =>
      ask(patient.url, { input: python(`print(${i} * 1000)`), stream: i % 2 === 1 })));
    assert.equal(endless.ended, false, "the others did not wait for the endless one");
    others.forEach((reply, i) => {
      assert.equal(reply.status, 200, reply.text);
      const response = reply.json ?? parseEvents(reply.text).at(-1).response;
      assert.equal(response.status, "completed");
      assert.match(outputOf(response), new RegExp(`(^|\\D)${i * 1000}(\\D|$)`));
    });
    leave.abort();
    await endless.request;
    assert.deepEqual(await patient.stop(), { code: 0, signal: null });
  });

  test("code: a client that leaves stops its endless code", async () => {
    const id = `resp_endless_${Date.now()}`;
    const socket = await openRaw(server.url, "/responses",
      { input: python("while True: pass"), stream: true },
      { headers: `x-agent-response-id: ${id}\r\n` });
    let text = "";
    for await (const part of socket) {
      text += part;
      if (text.includes("mcp_call_arguments.done")) break; // leaves the loop, and the socket
    }
    socket.destroy();
    const start = Date.now();
    const { json } = await until(() => call(server.url, `/responses/${id}`),
      ({ status }) => status === 200);
    assert.equal(json.status, "cancelled");
    assert.ok(Date.now() - start < 5000, "well before the code's own time limit");
  });

  test("code: a background response is cancelled in mid-run", async () => {
    const { json } = await ask(server.url, { input: python("while True: pass"), background: true });
    const events = async () => {
      const reply = await call(server.url, `/responses/${json.id}/cancel`, { method: "POST" });
      return reply.json;
    };
    await until(() => call(server.url, `/responses/${json.id}`),
      (reply) => reply.json.status === "in_progress");
    assert.equal((await events()).status, "cancelled");
    const replay = await call(server.url, `/responses/${json.id}?stream=true`);
    const last = parseEvents(replay.text).at(-1);
    assert.equal(last.type, "response.failed");
    assert.equal(last.response.status, "cancelled");
  });
});
