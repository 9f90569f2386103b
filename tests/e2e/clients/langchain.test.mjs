// LangChain's chat model, as its agents drive it.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI as ChatOpenAI16 } from "@langchain/openai";
import { ChatOpenAI as ChatOpenAI15 } from "langchain-openai-1.5";
import { z } from "zod";

import { play } from "../lib/clients.mjs";

const WAYS = {
  "replay": {},
  "replay, nothing stored": { settings: { zdrEnabled: true } },
  "replay as content blocks": { settings: { outputVersion: "v1" }, forgets: true },
  "previous_response_id": { chained: true },
};

async function joined(stream) {
  let whole;
  for await (const chunk of stream) whole = whole ? whole.concat(chunk) : chunk;
  return whole;
}

const adapter = (ChatOpenAI) => ({
  ways: WAYS,
  shows: true,
  chat({ baseURL, way, stream, tools }) {
    const model = new ChatOpenAI({ model: "m", apiKey: "any", useResponsesApi: true,
      configuration: { baseURL }, maxRetries: 0, ...WAYS[way].settings });
    const bound = model.bindTools(tools.map(({ name, description, run }) => langchainTool(
      async () => run(), { name, description, schema: z.object({ city: z.string() }) })));
    const messages = [];
    let last;

    async function request(added) {
      const { chained } = WAYS[way];
      const options = chained && last ? { previous_response_id: last } : {};
      const input = chained ? added : [...messages, ...added];
      const answer = await (stream ? joined(await bound.stream(input, options))
        : bound.invoke(input, options));
      messages.push(...added, answer);
      last = answer.response_metadata.id;
      return answer;
    }

    return {
      async ask(text) {
        const outputs = [];
        for (let added = [new HumanMessage(text)]; ;) {
          const answer = await request(added);
          const done = answer.additional_kwargs.tool_outputs ?? answer.response_metadata.output ?? [];
          outputs.push(...done.filter(({ type }) => type === "mcp_call").map(({ output }) => output));
          if (answer.tool_calls.length === 0) return { text: answer.text, outputs };
          added = answer.tool_calls.map(({ id, name }) => new ToolMessage({ tool_call_id: id,
            content: tools.find((tool) => tool.name === name)?.run() ?? `no tool ${name}` }));
        }
      },
    };
  },
});

play("@langchain/openai 1.6", adapter(ChatOpenAI16));
play("@langchain/openai 1.5", adapter(ChatOpenAI15));
