// Each client library plays the same cases (clients/cases.json) against the real server.
//
//   { name, turns: [{ say,            // what the user says
//                     answer,         // a regular expression for what comes
//                     model_calls,    // how often the model is asked
//                     runs,           // how often code runs; each prints 42
//                     tool_calls }],  // how often the client's own tool is called
//     rules,                          // the model's, see model-server/rules.mjs
//     tools: true,                    // the client sends a tool of its own
//     each_way: true,                 // played by each way that the client has to go on
//     keeps: true }                   // only for clients that send again what they were sent
//
// A client is one adapter, which says nothing about the cases:
//
//   play("NAME", {
//     ways: { "previous_response_id": {}, … },  // how it can go on with a conversation
//     shows: true,                   // it has a place for what the server's own code printed
//     chat({ baseURL, way, stream, tools }) {    // one conversation, with `way` of the above
//       return { async ask(text) { …; return { text, outputs }; } };
//     },
//   });
//
// `ask` takes one turn to its end, calls of `tools` ([{ name, description, run }]) included, and
// gives the answer's text and the outputs of code that the client shows. A way with
// { forgets: true } is one whose client leaves the server's items out of what it sends again: the
// next request's model then knows the answers only. { repeats: true }: with its tool's answer the
// client sends again what the user said.
//
// What each case checks: the answer; ONE REQUEST A TURN, and one more for each answered call of the
// client's tool, counted in the server's log; the model was asked as often as the case says, so that
// code ran exactly as often and nobody answered for it; and the history that the model was given.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";

import { startModelServer } from "../model-server/server.mjs";
import { call, until } from "./http.mjs";
import { startServer } from "./server.mjs";

const { tool, cases } = JSON.parse(readFileSync(new URL("../clients/cases.json", import.meta.url)));

let model, server;
before(async () => {
  model = await startModelServer({ key: "k" });
  server = await startServer({ model });
});
after(async () => {
  await server?.stop();
  await model?.close();
});
beforeEach(() => { model.requests.length = 0; });

const requests = () => server.events()
  .filter(({ event, method, path }) => event === "request" && method === "POST" && /\/responses$/.test(path));

// The requests of a turn that was to make `wanted`: what came before another, later one is in the log.
async function requestsSince(from, wanted) {
  await until(() => requests().length - from, (n) => n >= wanted, { timeout: 5000 });
  const id = `later-${crypto.randomUUID()}`;
  await call(server.url, "/liveness", { headers: { "x-request-id": id } });
  await until(() => server.events().some(({ request }) => request === id), Boolean, { timeout: 5000 });
  return requests().slice(from).map(({ status, outcome }) => `${status} ${outcome}`);
}

async function takeTurn(chat, turn, counted) {
  const from = { requests: requests().length, model: model.requests.length, tool: counted.tool };
  const answer = await chat.ask(turn.say);
  const wanted = 1 + (turn.tool_calls ?? 0);
  const made = await requestsSince(from.requests, wanted);
  assert.equal(model.requests.length - from.model, turn.model_calls, "questions to the model");
  assert.deepEqual(made, Array(wanted).fill("200 completed"), "the requests that the server got");
  assert.equal(counted.tool - from.tool, turn.tool_calls ?? 0, "calls of the client's own tool");
  assert.match(answer.text, new RegExp(turn.answer));
  return answer;
}

// What the model was given in the last turn.
function checkHistory(turns, { forgets, repeats }) {
  const { input } = model.requests.at(-1).body;
  const textOf = ({ content }) => (typeof content === "string" ? content : content[0].text);
  const said = input.filter(({ role }) => role === "user").map(textOf);
  const times = ({ tool_calls = 0 }) => (repeats ? 1 + tool_calls : 1);
  assert.deepEqual(said, turns.flatMap((turn) => Array(times(turn)).fill(turn.say)), "what was said");
  const answers = input.filter(({ role }) => role === "assistant").map(textOf);
  assert.equal(answers.length, turns.length - 1, "one answer each");
  turns.slice(0, -1).forEach(({ answer }, i) => assert.match(answers[i], new RegExp(answer)));

  const calls = input.filter(({ type }) => type === "function_call");
  const count = (key) => turns.reduce((sum, turn) => sum + (turn[key] ?? 0), 0);
  const byName = (wanted) => calls.filter(({ name }) => name === wanted);
  const runs = byName("execute_code");
  assert.equal(runs.length, forgets ? 0 : count("runs"), "runs in the history");
  assert.equal(byName(tool.name).length, count("tool_calls"), "calls of its tool in the history");
  for (const one of runs) {
    assert.match(JSON.parse(one.arguments).code, /print/);
    const output = input.find((item) => item.call_id === one.call_id && item !== one);
    assert.match(output.output, /42/, "what the code printed, in the history");
  }
}

function playCase(one, client, { stream, way, about }) {
  return async () => {
    model.setRules(one.rules ?? []);
    const counted = { tool: 0 };
    const run = () => { counted.tool += 1; return tool.result; };
    const tools = one.tools ? [{ ...tool, run }] : [];
    const chat = await client.chat({ baseURL: `${server.url}/v1`, way, stream, tools });
    for (const turn of one.turns) {
      const { outputs } = await takeTurn(chat, turn, counted);
      assert.equal(outputs.length, client.shows ? turn.runs ?? 0 : 0, "outputs that it shows");
      for (const output of outputs) assert.match(output, /42/);
    }
    if (one.turns.length > 1) checkHistory(one.turns, about);
  };
}

export function play(name, client) {
  const ways = Object.entries(client.ways);
  describe(name, () => {
    for (const one of cases)
      for (const stream of [false, true])
        for (const [way, about] of one.each_way ? ways : ways.slice(0, 1)) {
          if (one.keeps && (about.forgets || about.repeats)) continue;
          const by = one.each_way ? ` by ${way}` : "";
          test(`${name}: ${one.name}${by}${stream ? ", streamed" : ""}`,
            playCase(one, client, { stream, way, about }));
        }
  });
}
