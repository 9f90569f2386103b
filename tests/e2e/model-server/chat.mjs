// The chat-completions protocol, as strict as the strictest of the real servers are: about the order of
// messages, about fields that are null or empty, and about a second system message at the start.
import { argumentText, freshId, pieces } from "./rules.mjs";

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n");

// What is wrong with the form of a message; "" if nothing is.
function wrongForm(message, index) {
  const where = `messages[${index}].content`;
  for (const [name, value] of Object.entries(message))
    if (value === null || (Array.isArray(value) && value.length === 0))
      return `messages[${index}].${name}: input should be a valid ${name}`;
  if (!("content" in message)) return `${where}: missing field`;
  if (["assistant", "tool"].includes(message.role)) {
    if (typeof message.content !== "string") return `${where}: input should be a valid string`;
    if (message.content === "" && !message.tool_calls) return `${where} must not be empty`;
  }
  if (message.role === "system" && index > 0) return "system message must be at the beginning";
  return "";
}

function wrongTools(body) {
  if (body.tools === undefined)
    return ["tool_choice", "parallel_tool_calls"].find((name) => name in body)
      ? "'tool_choice' and 'parallel_tool_calls' are only allowed when 'tools' are specified." : "";
  if (!Array.isArray(body.tools) || body.tools.length === 0) return "[] is too short - 'tools'";
  for (const { type, function: declared } of body.tools)
    if (type !== "function" || typeof declared?.name !== "string"
        || typeof declared.parameters !== "object" || Object.values(declared).includes(null))
      return "tools: input should be a valid function";
  return "";
}

// { scene } or { error }.
export function read(body) {
  if (typeof body.model !== "string") return { error: "you must provide a model parameter" };
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    return { error: "[] is too short - 'messages'" };
  const scene = { user: "", results: [], rounds: 0, instructions: "" };
  let wanted = new Set();
  const nothing = Object.entries(body).find(([, value]) => value === null);
  const wrong = wrongTools(body) || (nothing ? `${nothing[0]}: input should not be null` : "");
  if (wrong) return { error: wrong };
  for (const [index, message] of body.messages.entries()) {
    const form = wrongForm(message, index);
    if (form) return { error: form };
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
