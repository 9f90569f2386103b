// Other clients that people use, unchanged: LangChain, the AI SDK with both of its providers, the
// OpenAI Agents SDK. Each asks, streams, has a tool of its own called, and gets code run.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenResponses } from "@ai-sdk/open-responses";
import { HumanMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIProvider, Runner, tool as agentTool } from "@openai/agents";
import { generateText, stepCountIs, streamText, tool as aiTool } from "ai";
import { z } from "zod";

import { startModelServer } from "./model-server/server.mjs";
import { call } from "./lib/http.mjs";
import { startServer } from "./lib/server.mjs";

const WEATHER = [{ when: "weather", steps: [
  { calls: [{ name: "get_weather", arguments: { city: "Oslo" } }] }, { say: "It is {output}." }] }];
const about = { name: "get_weather", description: "The weather of a city" };
const city = z.object({ city: z.string() });
const CODE = "Run this:\n```python\nprint(6 * 7)\n```";

let model, server, baseURL;
before(async () => {
  model = await startModelServer({ key: "k" });
  server = await startServer({ model });
  baseURL = `${server.url}/v1`;
});
after(async () => {
  await server?.stop();
  await model?.close();
});
beforeEach(() => model.setRules([]));

const langchain = () => new ChatOpenAI({
  model: "m", apiKey: "any", useResponsesApi: true, configuration: { baseURL }, maxRetries: 0 });

test("langchain: whole and streamed", async () => {
  assert.equal((await langchain().invoke("Hello")).text, "You said: Hello");
  let text = "";
  for await (const chunk of await langchain().stream("Hello")) text += chunk.text;
  assert.equal(text, "You said: Hello");
});

test("langchain: a tool of its own", async () => {
  model.setRules(WEATHER);
  const weather = langchainTool(async () => "sunny", { ...about, schema: city });
  const bound = langchain().bindTools([weather]);
  const messages = [new HumanMessage("The weather?")];
  messages.push(await bound.invoke(messages));
  messages.push(await weather.invoke(messages[1].tool_calls[0]));
  assert.equal((await bound.invoke(messages)).text, "It is sunny.");
});

test("langchain: code, and the turn after it", async () => {
  const messages = [new HumanMessage(CODE)];
  messages.push(await langchain().invoke(messages));
  assert.match(messages[1].text, /42/);
  assert.deepEqual(messages[1].tool_calls, []); // nothing that its agents would try to carry out
  messages.push(new HumanMessage("next"));
  assert.equal((await langchain().invoke(messages)).text, "You said: next");
});

const providers = {
  "ai with @ai-sdk/openai": () => createOpenAI({ apiKey: "any", baseURL }).responses("m"),
  "ai with @ai-sdk/open-responses": () =>
    createOpenResponses({ name: "cloche", apiKey: "any", url: `${baseURL}/responses` })("m"),
};
for (const [name, make] of Object.entries(providers)) {
  test(`${name}: whole and streamed`, async () => {
    const whole = await generateText({ model: make(), prompt: "Hello", maxRetries: 0 });
    assert.equal(whole.text, "You said: Hello");
    let text = "";
    for await (const part of streamText({ model: make(), prompt: "Hello" }).textStream) text += part;
    assert.equal(text, "You said: Hello");
  });

  test(`${name}: a tool of its own`, async () => {
    model.setRules(WEATHER);
    const weather = aiTool({ description: about.description, inputSchema: city,
      execute: async () => "sunny" });
    const { text } = await generateText({ model: make(), prompt: "The weather?", maxRetries: 0,
      tools: { get_weather: weather }, stopWhen: stepCountIs(3) });
    assert.match(text, /It is .*sunny/);
  });

  test(`${name}: code, whole, and the turn after it`, async () => {
    const messages = [{ role: "user", content: CODE }];
    const whole = await generateText({ model: make(), messages, maxRetries: 0 });
    assert.match(whole.text, /42/);
    messages.push(...whole.response.messages, { role: "user", content: "next" });
    const next = await generateText({ model: make(), messages, maxRetries: 0 });
    assert.equal(next.text, "You said: next");
  });

  test(`${name}: code, streamed`, async () => {
    let text = "";
    for await (const part of streamText({ model: make(), prompt: CODE }).textStream) text += part;
    assert.match(text, /42/);
  });
}

const runner = () => new Runner({ tracingDisabled: true,
  modelProvider: new OpenAIProvider({ apiKey: "any", baseURL, useResponses: true }) });
const agent = (tools = []) => new Agent({ name: "a", instructions: "Answer.", model: "m", tools });

test("agents: whole and streamed", async () => {
  assert.equal((await runner().run(agent(), "Hello")).finalOutput, "You said: Hello");
  const stream = await runner().run(agent(), "Hello", { stream: true });
  let text = "";
  for await (const part of stream.toTextStream()) text += part;
  await stream.completed;
  assert.equal(text, "You said: Hello");
});

test("agents: a tool of its own", async () => {
  model.setRules(WEATHER);
  const weather = agentTool({ ...about, parameters: city, execute: async () => "sunny" });
  const { finalOutput } = await runner().run(agent([weather]), "The weather?");
  assert.equal(finalOutput, "It is sunny.");
});

test("agents: code, and the turn after it by previous_response_id", async () => {
  const first = await runner().run(agent(), CODE);
  assert.match(first.finalOutput, /42/);
  const next = await runner().run(agent(), "next", { previousResponseId: first.lastResponseId });
  assert.equal(next.finalOutput, "You said: next");
  const { input } = model.requests.at(-1).body; // the history has the code all the same
  assert.ok(input.some((item) => item.type === "function_call_output"));
  const { json } = await call(server.url, `/responses/${first.lastResponseId}`);
  assert.deepEqual(json.output.map((item) => item.type),
    ["mcp_call", "message"]);
});

test("agents: code, streamed", async () => {
  const stream = await runner().run(agent(), CODE, { stream: true });
  let text = "";
  for await (const part of stream.toTextStream()) text += part;
  await stream.completed;
  assert.match(text, /42/);
});
