// The chat-completions protocol, as strict about the order of messages as the real servers are.
import { argumentText, freshId, pieces } from "./rules.mjs";

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n");

// { scene } or { error }.
export function read(body) {
  if (typeof body.model !== "string") return { error: "you must provide a model parameter" };
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    return { error: "[] is too short - 'messages'" };
  const scene = { user: "", results: [], rounds: 0, instructions: "" };
  let wanted = new Set();
  for (const message of body.messages) {
    if (message.role === "tool") {
      if (!wanted.delete(message.tool_call_id))
        return { error: "messages with role 'tool' must be a response to a preceding message with "
          + "'tool_calls'." };
      scene.results.push(textOf(message.content));
      continue;
    }
    if (wanted.size > 0)
      return { error: "An assistant message with 'tool_calls' must be followed by tool messages "
        + "responding to each 'tool_call_id'." };
    if (message.role === "user")
      Object.assign(scene, { user: textOf(message.content), results: [], rounds: 0 });
    else if (message.role === "system") scene.instructions += textOf(message.content);
    else if (message.role !== "assistant") return { error: `'${message.role}' is not a role` };
    for (const call of message.tool_calls ?? []) JSON.parse(call.function.arguments);
    if (message.tool_calls?.length > 0) scene.rounds += 1;
    wanted = new Set((message.tool_calls ?? []).map((call) => call.id));
  }
  if (wanted.size > 0) return { error: "The last message's 'tool_calls' have no results." };
  return { scene };
}

const usageOf = (step) => {
  const usage = { input: 20, output: 10, ...step.usage };
  return { prompt_tokens: usage.input, completion_tokens: usage.output,
    total_tokens: usage.input + usage.output };
};

const callsOf = (step) => step.calls.map((call) => ({
  id: freshId("call"), type: "function",
  function: { name: call.name, arguments: argumentText(call) },
}));

const reasonOf = (step) => (step.calls.length > 0 ? "tool_calls" : "stop");

export function whole(body, step) {
  const calls = callsOf(step);
  const message = { role: "assistant", content: step.say ?? null, refusal: null };
  if (calls.length > 0) message.tool_calls = calls;
  return {
    id: freshId("chatcmpl"), object: "chat.completion", created: 0, model: `${body.model}-served`,
    choices: [{ index: 0, message, finish_reason: reasonOf(step) }], usage: usageOf(step),
  };
}

// Every chunk as [null, data]: this protocol's events have no type.
export function* events(body, step) {
  const base = { id: freshId("chatcmpl"), object: "chat.completion.chunk", created: 0,
    model: `${body.model}-served` };
  const chunk = (delta, finish_reason = null) =>
    [null, { ...base, choices: [{ index: 0, delta, finish_reason }] }];
  yield chunk({ role: "assistant", content: "" });
  for (const content of pieces(step.say ?? "")) yield chunk({ content });
  for (const [index, call] of callsOf(step).entries()) {
    yield chunk({ tool_calls: [{ ...call, index, function: { ...call.function, arguments: "" } }] });
    for (const text of pieces(call.function.arguments))
      yield chunk({ tool_calls: [{ index, function: { arguments: text } }] });
  }
  yield chunk({}, reasonOf(step));
  if (body.stream_options?.include_usage) yield [null, { ...base, choices: [], usage: usageOf(step) }];
}
