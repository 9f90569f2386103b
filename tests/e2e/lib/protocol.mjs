// Playing a protocol case (tests/protocol/*.json): requests in, exact responses and events out.
//
// What differs from run to run is made equal on both sides: an id becomes <resp 1>, <msg 2> … in
// order of appearance, a time becomes <time>, and sequence numbers are left out; a stream from its
// beginning is checked against the rules of streams (rules.mjs). In a request, {<resp 1>} stands for
// the real id. In what is expected, "<any>" is any string, and a response object needs to name only
// what differs from response.json. A step's `model` is the input that the model was sent last.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { call, parseEvents, until } from "./http.mjs";
import { checkStream } from "./rules.mjs";

export const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../protocol");
const DEFAULTS = JSON.parse(readFileSync(join(FOLDER, "response.json"), "utf8"));
const ID = /\b(resp|msg|fc|fco|mcp|rs|call|sess|req)_([0-9a-f]{32,}|[0-9]{8})\b/g;
const TIMES = new Set(["created_at", "completed_at", "created"]);

export class Names {
  #seen = new Map();
  #counts = {};

  hide(text) {
    return text.replace(ID, (id, kind) => {
      if (!this.#seen.has(id)) {
        this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
        this.#seen.set(id, `<${kind} ${this.#counts[kind]}>`);
      }
      return this.#seen.get(id);
    });
  }

  reveal(text) {
    const real = new Map([...this.#seen].map(([id, name]) => [name, id]));
    return text.replace(/\{(<\w+ \d+>)\}/g, (_, name) => {
      assert.ok(real.has(name), `${name} has not appeared yet`);
      return real.get(name);
    });
  }

  normalise(value, key) {
    if (typeof value === "string") return this.hide(value);
    if (typeof value === "number" && TIMES.has(key)) return "<time>";
    if (Array.isArray(value)) return value.map((entry) => this.normalise(entry));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.normalise(v, k)]));
  }
}

// Fill in what every response has, and let "<any>" be whatever came.
function complete(expected, actual) {
  if (expected === "<any>" && typeof actual === "string") return actual;
  if (Array.isArray(expected))
    return expected.map((entry, i) => complete(entry, Array.isArray(actual) ? actual[i] : undefined));
  if (expected === null || typeof expected !== "object") return expected;
  const whole = expected.object === "response" && !("deleted" in expected)
    ? { ...DEFAULTS, ...expected } : expected;
  return Object.fromEntries(Object.entries(whole).map(([k, v]) => [k, complete(v, actual?.[k])]));
}

function eventsOf(text, names) {
  const events = parseEvents(text);
  if (events[0]?.sequence_number === 0) checkStream(events);
  return events.map((event) => {
    const { sequence_number: _, ...rest } = event;
    return names.normalise(rest);
  });
}

export async function send(url, step, names) {
  const { method, path, headers, body, raw } = step.request;
  const reveal = (value) => (value === undefined ? undefined
    : JSON.parse(names.reveal(JSON.stringify(value))));
  const once = () => call(url, names.reveal(path), { method, headers, raw, body: reveal(body) });
  const { until: wanted } = step;
  const reply = await (wanted ? until(once, ({ json }) =>
    Object.entries(wanted).every(([key, value]) => json?.[key] === value)) : once());
  return { reply, seen: reply.json ? { response: names.normalise(reply.json) }
    : { events: eventsOf(reply.text, names) } };
}

export async function play(url, { steps }, model) {
  const names = new Names();
  for (const [index, step] of steps.entries()) {
    const { reply, seen } = await send(url, step, names);
    const where = `step ${index + 1}, ${step.request.path}`;
    const expected = step.events ? { events: step.events } : { response: step.response };
    assert.equal(reply.status, step.status ?? 200, `${where}: ${reply.text.slice(0, 500)}`);
    assert.ok(step.events || step.response, `${where}: nothing is expected; came ${reply.text}`);
    assert.deepEqual(seen, complete(expected, seen), where);
    if (step.model)
      assert.deepEqual(names.normalise(model.requests.at(-1).body.input), step.model, `${where}: model`);
    for (const [name, value] of Object.entries(step.headers ?? {}))
      assert.match(reply.headers.get(name) ?? "", new RegExp(`^${value}$`), `${where}: ${name}`);
  }
}
