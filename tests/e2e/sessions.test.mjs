// Sessions by the official clients, whole and as a stream: a field of ours goes along with theirs, and variables
// last by each way in which they go on with a conversation.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import OpenAI from "openai";
import OpenAI6 from "openai-6";

import { startServer } from "./lib/server.mjs";
import { startModelServer } from "./model-server/server.mjs";

let folder, model, server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloche-e2e-sessions-"));
  const agent = join(folder, "agent.yaml");
  await writeFile(agent, "name: sessions\nmodel: {kind: auto}\nsandbox: {time: 20s, count: 2}\nserve: {grace: 2s}\n");
  model = await startModelServer({ key: "k" });
  server = await startServer({ agent, model, arguments: ["--store", join(folder, "store.db")] });
});
after(async () => {
  await server?.stop();
  await model?.close();
  await rm(folder, { recursive: true, force: true });
});

const SESSION = { sandbox: { state: "session" } };

for (const [name, Client] of [["openai 7", OpenAI], ["openai 6", OpenAI6]]) {
  for (const stream of [false, true]) {
    test(`variables last: ${name}, ${stream ? "streamed" : "whole"}`, async () => {
      const client = new Client({ apiKey: "any", baseURL: `${server.url}/v1`, maxRetries: 0 });
      // The response, and the value that the code has.
      const run = async (code, request) => {
        model.setRules([{ steps: [{ code }, { say: "{output}" }] }]);
        const body = { model: "m", input: "go on", ...request };
        let response;
        if (stream) {
          for await (const event of await client.responses.create({ ...body, stream }))
            response = event.response ?? response;
        } else {
          response = await client.responses.create(body);
        }
        assert.equal(response.status, "completed", JSON.stringify(response.error));
        return [response, response.output.find((item) => item.type === "mcp_call").output];
      };
      const [first] = await run("x = 1", SESSION);
      assert.deepEqual(first.sandbox, SESSION.sandbox);
      const [second, two] = await run("x += 1\nx", { ...SESSION, previous_response_id: first.id });
      assert.match(two, /^result \(1 bytes\):\n2\n/);
      const news = { role: "user", content: "go on" };
      for (const items of [second.output, second.output.map(({ id }) => ({ type: "item_reference", id }))]) {
        const [, three] = await run("x += 1\nx", { ...SESSION, input: [...items, news] });
        assert.match(three, /^result \(1 bytes\):\n3\n/);
      }
      const conversation = `talk-${name.replace(" ", "-")}-${stream}`;
      await run("x = 5", { ...SESSION, conversation });
      const [, six] = await run("x += 1\nx", { ...SESSION, conversation });
      assert.match(six, /^result \(1 bytes\):\n6\n/);
      const [, branch] = await run("x", { ...SESSION, previous_response_id: first.id });
      assert.match(branch, /^result \(1 bytes\):\n1\n/);
      const [killed, lost] = await run("x = 9\nimport os\nos._exit(1)", { ...SESSION, previous_response_id: second.id });
      assert.match(lost, /note: what this run did to variables, imports and files is lost/);
      const [, before] = await run("x", { ...SESSION, previous_response_id: killed.id });
      assert.match(before, /^result \(1 bytes\):\n2\n/);
      const [, clean] = await run("x", { previous_response_id: second.id });
      assert.match(clean, /NameError/);
    });
  }
}
