// The official client, in two majors.
import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { play } from "../lib/clients.mjs";

const parameters = { type: "object", properties: { city: { type: "string" } },
  required: ["city"], additionalProperties: false };

// What is sent, and what is kept of it and of the answer, by the way of going on.
const WAYS = {
  previous_response_id: {
    body: (chat, input) => ({ input, previous_response_id: chat.last }),
  },
  replay: {
    body: (chat, input) => ({ input: [...chat.items, ...input] }),
    keep: (item) => item,
  },
  "replay, nothing stored": {
    body: (chat, input) => ({ input: [...chat.items, ...input], store: false }),
    keep: (item) => item,
  },
  item_reference: {
    body: (chat, input) => ({ input: [...chat.items, ...input] }),
    keep: ({ id }) => ({ type: "item_reference", id }),
  },
  conversation: {
    body: (chat, input) => ({ input, conversation: chat.name }),
  },
};

const adapter = (OpenAI) => ({
  ways: WAYS,
  shows: true,
  chat({ baseURL, way, stream, tools }) {
    const client = new OpenAI({ apiKey: "any", baseURL, maxRetries: 0 });
    const { body, keep } = WAYS[way];
    const chat = { items: [], name: `talk-${crypto.randomUUID()}` };
    const functions = tools.map(({ name, description }) =>
      ({ type: "function", name, description, parameters, strict: true }));

    async function request(input) {
      const whole = { model: "m", tools: functions, ...body(chat, input) };
      const response = await (stream ? client.responses.stream(whole).finalResponse()
        : client.responses.create(whole));
      chat.last = response.id;
      if (keep) chat.items.push(...input, ...response.output.map(keep));
      return response;
    }

    return {
      async ask(text) {
        const outputs = [];
        for (let input = [{ role: "user", content: text }]; ;) {
          const response = await request(input);
          outputs.push(...response.output.flatMap((item) => (item.type === "mcp_call" ? [item.output] : [])));
          const calls = response.output.filter((item) => item.type === "function_call");
          if (calls.length === 0) return { text: response.output_text, outputs };
          input = calls.map(({ name, call_id }) => ({ type: "function_call_output", call_id,
            output: tools.find((tool) => tool.name === name)?.run() ?? `no tool ${name}` }));
        }
      },
    };
  },
});

play("openai 7", adapter(OpenAI7));
play("openai 6", adapter(OpenAI6));
