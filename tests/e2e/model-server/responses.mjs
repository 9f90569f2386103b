// The Responses protocol: reading a request as strictly as the real servers do, and the events of an
// answer.
import { argumentText, freshId, pieces } from "./rules.mjs";

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n");

// { scene } or { error }.
export function read(body) {
  if (typeof body.model !== "string") return { error: "Missing required parameter: 'model'." };
  if (!Array.isArray(body.input) || body.input.length === 0)
    return { error: "Invalid 'input': a non-empty array is wanted." };
  if (body.store !== false) return { error: "This server stores nothing: 'store' must be false." };
  const scene = { user: "", results: [], rounds: 0, instructions: body.instructions ?? "" };
  let last = "";
  const open = new Set();
  for (const item of body.input) {
    const type = item.type ?? "message";
    if (type === "message") {
      if (!["user", "assistant", "system", "developer"].includes(item.role))
        return { error: `Invalid role '${item.role}'.` };
      if (item.role === "user") 
        Object.assign(scene, { user: textOf(item.content), results: [], rounds: 0 });
    } else if (type === "function_call") {
      if (!item.call_id || !item.name) return { error: "A function call without call_id or name." };
      JSON.parse(item.arguments);
      open.add(item.call_id);
    } else if (type === "function_call_output") {
      if (!open.delete(item.call_id))
        return { error: `No tool call found for function call output with call_id ${item.call_id}.` };
      if (typeof item.output !== "string") return { error: "'output' must be a string." };
      scene.results.push(item.output);
      if (last !== type) scene.rounds += 1;
    } else if (type !== "reasoning") {
      return { error: `Invalid value: '${type}'.` };
    }
    last = type;
  }
  if (open.size > 0) return { error: `No tool output found for function call ${[...open][0]}.` };
  const names = (body.tools ?? []).map((tool) => tool.name);
  if (names.some((name) => !name)) return { error: "Missing required parameter: 'tools[0].name'." };
  return { scene: { ...scene, tools: names } };
}

function items(step) {
  const output = [];
  if (step.say)
    output.push({
      type: "message", id: freshId("msg"), status: "completed", role: "assistant",
      content: [{ type: "output_text", text: step.say, annotations: [], logprobs: [] }],
    });
  for (const call of step.calls)
    output.push({
      type: "function_call", id: freshId("fc"), status: "completed", call_id: freshId("call"),
      name: call.name, arguments: argumentText(call),
    });
  return output;
}

function response(body, output, step, status) {
  const usage = { input: 20, output: 10, ...step.usage };
  return {
    id: freshId("resp"), object: "response", created_at: 0, status, model: `${body.model}-served`,
    output, error: null, incomplete_details: null,
    usage: status === "completed" ? {
      input_tokens: usage.input, input_tokens_details: { cached_tokens: 0 },
      output_tokens: usage.output, output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.output,
    } : null,
  };
}

export function whole(body, step) {
  return response(body, items(step), step, "completed");
}

// Every event as [type, data].
export function* events(body, step) {
  let number = 0;
  const event = (type, data) => [type, { type, sequence_number: number++, ...data }];
  const output = items(step);
  const running = response(body, [], step, "in_progress");
  yield event("response.created", { response: running });
  yield event("response.in_progress", { response: running });
  for (const [index, item] of output.entries()) {
    const at = { item_id: item.id, output_index: index };
    if (item.type === "message") {
      const [part] = item.content;
      const here = { ...at, content_index: 0 };
      yield event("response.output_item.added",
        { output_index: index, item: { ...item, status: "in_progress", content: [] } });
      yield event("response.content_part.added", { ...here, part: { ...part, text: "" } });
      for (const delta of pieces(part.text))
        yield event("response.output_text.delta", { ...here, delta, logprobs: [] });
      yield event("response.output_text.done", { ...here, text: part.text, logprobs: [] });
      yield event("response.content_part.done", { ...here, part });
    } else {
      yield event("response.output_item.added",
        { output_index: index, item: { ...item, status: "in_progress", arguments: "" } });
      for (const delta of pieces(item.arguments))
        yield event("response.function_call_arguments.delta", { ...at, delta });
      yield event("response.function_call_arguments.done", { ...at, arguments: item.arguments });
    }
    yield event("response.output_item.done", { output_index: index, item });
  }
  yield event("response.completed", { response: { ...response(body, output, step, "completed"),
    id: running.id } });
}
