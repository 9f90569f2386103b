// The AI SDK, in two majors, with both of its providers for this protocol.
import * as ai6 from "ai-6";
import * as ai7 from "ai";
import { createOpenAI as createOpenAI3 } from "ai-sdk-openai-3";
import { createOpenAI as createOpenAI4 } from "@ai-sdk/openai";
import { createOpenResponses as createOpenResponses1 } from "ai-sdk-open-responses-1";
import { createOpenResponses as createOpenResponses2 } from "@ai-sdk/open-responses";
import { z } from "zod";

import { play } from "../lib/clients.mjs";

// What an answer came to; of a stream, after its end.
async function collect(answer) {
  for await (const part of answer.fullStream ?? [])
    if (part.type === "error") throw part.error;
  const [text, steps, response] = await Promise.all([answer.text, answer.steps, answer.response]);
  return { text, steps, last: (await answer.providerMetadata)?.openai?.responseId,
    messages: (await answer.responseMessages) ?? response.messages }; // of all steps: in 7, in 6
}

// `options` gives a turn's provider options by the way of going on; `resend`: with the messages so far.
const adapter = ({ generateText, streamText, stepCountIs, tool }, make, { ways, shows }) => ({
  ways, shows,
  chat({ baseURL, way, stream, tools }) {
    const { options = () => ({}), resend } = ways[way];
    const chat = { name: `talk-${crypto.randomUUID()}` };
    const functions = Object.fromEntries(tools.map(({ name, description, run }) => [name,
      tool({ description, inputSchema: z.object({ city: z.string() }), execute: async () => run() })]));
    const messages = [];
    return {
      async ask(text) {
        const asked = { role: "user", content: text };
        const settings = { model: make(baseURL), messages: [...messages, asked], tools: functions,
          stopWhen: stepCountIs(5), maxRetries: 0, providerOptions: { openai: options(chat) } };
        const done = await collect(stream ? streamText(settings) : await generateText(settings));
        if (resend) messages.push(asked, ...done.messages);
        chat.last = done.last;
        const results = done.steps.flatMap(({ content }) => content)
          .filter(({ type, providerExecuted }) => type === "tool-result" && providerExecuted);
        return { text: done.text, outputs: results.map(({ output }) => output.output) };
      },
    };
  },
});

const openai = (create) => (baseURL) => create({ apiKey: "any", baseURL }).responses("m");
const openResponses = (create) => (baseURL) =>
  create({ name: "cloche", apiKey: "any", url: `${baseURL}/responses` })("m");

const OPENAI = { shows: true, ways: {
  "item_reference": { resend: true },
  // "Results for OpenAI tool … are not sent to the API when store is false"
  "replay, nothing stored": { resend: true, forgets: true, options: () => ({ store: false }) },
  "previous_response_id": { options: ({ last }) => ({ previousResponseId: last }) },
  "conversation": { repeats: true, options: ({ name }) => ({ conversation: name }) },
} };
// This provider knows no item of a server's own tools: it passes over them.
const OPEN_RESPONSES = { shows: false, ways: { replay: { resend: true, forgets: true } } };

play("ai 7 with @ai-sdk/openai 4", adapter(ai7, openai(createOpenAI4), OPENAI));
play("ai 6 with @ai-sdk/openai 3", adapter(ai6, openai(createOpenAI3), OPENAI));
play("ai 7 with @ai-sdk/open-responses 2",
  adapter(ai7, openResponses(createOpenResponses2), OPEN_RESPONSES));
play("ai 6 with @ai-sdk/open-responses 1",
  adapter(ai6, openResponses(createOpenResponses1), OPEN_RESPONSES));
