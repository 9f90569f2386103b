// The rules of a stream of events, whatever it says (OpenAI's and Open Responses'): for every stream
// that a test has in hand from its beginning.
import assert from "node:assert/strict";

const ENDS = ["response.completed", "response.failed", "response.incomplete"];
const FINAL = ["completed", "incomplete", "failed"];
const WHOLE = { "response.output_text": "text", "response.refusal": "refusal",
  "response.reasoning_summary_text": "text", "response.function_call_arguments": "arguments",
  "response.mcp_call_arguments": "arguments" };

// One item, from `added` to `done`: what was put together from deltas is what is said to be whole.
class Item {
  constructor({ item, output_index: index }) {
    Object.assign(this, { id: item.id, type: item.type, index, deltas: new Map(), seen: [] });
    assert.ok(item.id, "an item has an id");
    if (item.type !== "reasoning") assert.equal(item.status, "in_progress", `${item.id} when added`);
    if (item.type === "mcp_call") {
      assert.equal(item.arguments, "");
      assert.equal(item.output, null);
    }
  }

  take(event) {
    assert.equal(event.item_id, this.id, `${event.type} is about the open item`);
    assert.equal(event.output_index, this.index);
    this.seen.push(event.type);
    const [, stem, kind] = /^(.*)\.(delta|done)$/.exec(event.type) ?? [];
    if (!(stem in WHOLE)) return;
    const part = `${stem} ${event.content_index ?? event.summary_index ?? 0}`;
    if (kind === "delta") {
      assert.notEqual(event.delta, "");
      this.deltas.set(part, (this.deltas.get(part) ?? "") + event.delta);
    } else {
      this.said = event[WHOLE[stem]];
      this.pieces = this.deltas.get(part) ?? "";
      if (!this.type.endsWith("_call")) assert.equal(this.pieces, this.said, event.type);
    }
  }

  end(item) {
    assert.equal(item.id, this.id, "items do not overlap");
    if (item.type !== "reasoning") assert.ok(FINAL.includes(item.status), `${item.id}: ${item.status}`);
    if (!this.type.endsWith("_call")) return;
    assert.equal(this.said, item.arguments);
    if (item.status === "completed") assert.equal(this.pieces, item.arguments);
    if (this.type !== "mcp_call") return;
    JSON.parse(item.arguments);
    assert.equal(typeof item.output, "string");
    const deltas = this.seen.filter((type) => type.endsWith(".delta"));
    assert.ok(deltas.length > 0);
    assert.deepEqual(this.seen, ["response.mcp_call.in_progress", ...deltas,
      "response.mcp_call_arguments.done", `response.mcp_call.${item.status}`]);
  }
}

export function checkStream(events) {
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
  assert.equal(events[0].type, "response.created");
  assert.ok(ENDS.includes(events.at(-1).type), events.at(-1).type);
  assert.equal(events.filter(({ type }) => ENDS.includes(type)).length, 1);
  const done = [];
  let open = null;
  for (const event of events) {
    if (event.type === "response.output_item.added") {
      assert.equal(open, null, "items do not overlap");
      assert.equal(event.output_index, done.length);
      open = new Item(event);
    } else if (event.type === "response.output_item.done") {
      assert.equal(event.output_index, done.length);
      open.end(event.item);
      done.push(event.item);
      open = null;
    } else if ("item_id" in event) {
      open.take(event);
    } else {
      assert.equal(event.response.id, events[0].response.id);
      assert.equal(open, null, `${event.type} while an item is open`);
    }
  }
  const { response } = events.at(-1);
  assert.deepEqual(response.output, response.status === "cancelled" ? [] : done);
}
