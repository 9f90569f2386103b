// The OpenAI Agents SDK.
import { Agent, MemorySession, OpenAIProvider, Runner, tool as agentTool } from "@openai/agents";
import { z } from "zod";

import { play } from "../lib/clients.mjs";

// `options` gives what a run is given besides the text.
const WAYS = {
  previousResponseId: { options: ({ last }) => ({ previousResponseId: last?.lastResponseId }) },
  replay: { options: () => ({}) },
  session: { options: ({ session }) => ({ session }) },
  conversationId: { options: ({ name }) => ({ conversationId: name }) },
};

play("@openai/agents", {
  ways: WAYS,
  shows: true,
  chat({ baseURL, way, stream, tools }) {
    const provider = new OpenAIProvider({ apiKey: "any", baseURL, useResponses: true });
    const runner = new Runner({ tracingDisabled: true, modelProvider: provider });
    const agent = new Agent({ name: "a", instructions: "Answer.", model: "m",
      tools: tools.map(({ name, description, run }) => agentTool({ name, description,
        parameters: z.object({ city: z.string() }), execute: async () => run() })) });
    const chat = { session: new MemorySession(), name: `talk-${crypto.randomUUID()}` };
    return {
      async ask(text) {
        const asked = { role: "user", content: text };
        const input = way === "replay" ? [...(chat.last?.history ?? []), asked] : text;
        const result = await runner.run(agent, input, { stream, ...WAYS[way].options(chat) });
        if (stream) {
          for await (const _ of result.toTextStream());
          await result.completed;
        }
        chat.last = result;
        return { text: result.finalOutput, outputs: result.newItems.map(({ rawItem }) => rawItem)
          .filter(({ type }) => type === "hosted_tool_call").map(({ output }) => output) };
      },
    };
  },
});
