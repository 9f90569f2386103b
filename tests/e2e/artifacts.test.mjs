// What runs leave in /output: annotated in the answer, read by the official client, found by later
// runs, gone with its response; whatever ended the run.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";

import { call, parseEvents, until } from "./lib/http.mjs";
import { checkStream } from "./lib/rules.mjs";
import { startServer } from "./lib/server.mjs";
import { startModelServer } from "./model-server/server.mjs";

const WRITE = "open('/output/clean.csv', 'w').write('a,b\\n1,2\\n')";
const LEFT = "note: later runs find these files in /input\n";

let folder, store, model, server, client;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloche-e2e-artifacts-"));
  store = join(folder, "store.db");
  const agent = join(folder, "agent.yaml");
  await writeFile(agent, `name: files
model: {kind: auto}
sandbox: {time: 2s, count: 2, artifacts: {file_size: 1MiB, total_size: 2MiB, files: 8}}
serve: {grace: 2s, files: {max_bytes: 512KiB}}
`);
  model = await startModelServer({ key: "k" });
  server = await startServer({ agent, model, arguments: ["--store", store] });
  client = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, maxRetries: 0 });
});
after(async () => {
  await server?.stop();
  await model?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => model.setRules([]));

const onDisk = () => readdir(`${store}-files`);
const notes = (response) => response.output.filter(({ type }) => type === "message")
  .flatMap(({ content }) => content).flatMap(({ annotations }) => annotations ?? []);
const play = async (steps, request = {}) => {
  model.setRules([{ steps }]);
  return client.responses.create({ model: "m", input: "go", ...request });
};
const content = async ({ file_id: id }) => (await client.files.content(id)).text();
const results = () => model.requests.at(-1).body.input
  .filter(({ type }) => type === "function_call_output").map(({ output }) => output);

test("artifacts: annotated, read, found by later turns, gone with their response", async () => {
  const first = await play([{ code: WRITE }, { say: "Done." }]);
  const [note] = notes(first);
  assert.deepEqual(note, { type: "file_path", file_id: note.file_id, index: 0 });
  assert.equal(first.output_text, "Done.");
  assert.ok(results().at(-1).endsWith(LEFT), results().at(-1));
  const file = await client.files.retrieve(note.file_id);
  assert.deepEqual([file.filename, file.purpose, file.bytes, file.expires_at],
    ["clean.csv", "assistants_output", 8, null]);
  assert.equal(await content(note), "a,b\n1,2\n");
  assert.equal((await client.files.content(file.id)).headers.get("content-type"), "text/csv");
  const second = await play([{ code: "print(open('/input/clean.csv').read())" }, { say: "{output}" }],
    { previous_response_id: first.id });
  assert.match(second.output_text, /a,b\n1,2/);
  assert.deepEqual(notes(second), []);
  const input = model.requests.at(-1).body.input;
  assert.deepEqual(input.filter(({ role }) => role === "user").at(-1).content.map(({ text }) => text),
    ["[files that your code left, now in /input]\n/input/clean.csv: 8 bytes, text/csv; its first line: a,b", "go"]);
  assert.ok(!JSON.stringify(model.requests).includes("file_path"), "a model is shown ids of ours");
  assert.ok(!JSON.stringify(model.requests).includes("\"artifacts\""));
  await client.responses.delete(first.id);
  await assert.rejects(client.files.retrieve(file.id), { status: 404 });
  await until(onDisk, (names) => names.length === 0);
});

test("artifacts: in a stream each is an event before its text is done", async () => {
  model.setRules([{ steps: [{ code: `${WRITE}\nopen('/output/b.txt', 'w').write('b')` }, { say: "Done." }] }]);
  const { text } = await call(server.url, "/responses", { body: { input: "go", stream: true } });
  const events = parseEvents(text);
  checkStream(events);
  const added = events.filter(({ type }) => type === "response.output_text.annotation.added");
  assert.deepEqual(added.map(({ annotation_index: index, annotation }) => [index, annotation.type, annotation.index]),
    [[0, "file_path", 0], [1, "file_path", 1]]);
  const done = events.findIndex(({ type }) => type === "response.output_text.done");
  assert.ok(events.indexOf(added[1]) < done);
  const { response } = events.at(-1);
  assert.deepEqual(notes(response), added.map(({ annotation }) => annotation));
  assert.deepEqual((await Promise.all(notes(response).map(content))).sort(), ["a,b\n1,2\n", "b"]);
  const stored = await client.responses.retrieve(response.id);
  assert.deepEqual(notes(stored), notes(response));
  await client.responses.delete(response.id);
});

test("artifacts: the official client's stream has them", async () => {
  model.setRules([{ steps: [{ code: WRITE }, { say: "Done." }] }]);
  const response = await client.responses.stream({ model: "m", input: "go" }).finalResponse();
  assert.equal(await content(notes(response)[0]), "a,b\n1,2\n");
  await client.responses.delete(response.id);
});

for (const [what, code] of [["an exception", `${WRITE}\n1/0`], ["its time", `${WRITE}\nwhile True: pass`],
  ["sys.exit", `${WRITE}\nimport sys; sys.exit(3)`]]) {
  test(`artifacts: of a run that ${what} ended, too`, async () => {
    const response = await play([{ code }, { say: "It failed." }]);
    assert.equal(response.output[0].status, "failed");
    assert.equal(await content(notes(response)[0]), "a,b\n1,2\n");
    await client.responses.delete(response.id);
  });
}

test("artifacts: the next run of the turn finds them; the same bytes are one file, others a new one", async () => {
  const response = await play([{ code: WRITE },
    { code: `print(open('/input/clean.csv').read())\n${WRITE}` },
    { code: "open('/output/clean.csv', 'w').write('new')" },
    { code: "print(open('/input/clean.csv').read())" }, { say: "{output}" }]);
  assert.match(results()[1], /a,b\n1,2/);
  assert.match(response.output_text, /new/);
  const files = notes(response);
  assert.equal(files.length, 2);
  assert.deepEqual(await Promise.all(files.map(content)), ["a,b\n1,2\n", "new"]);
  await client.responses.delete(response.id);
  await until(onDisk, (names) => names.length === 0);
});

test("artifacts: of folders and odd names", async () => {
  const code = "import os\nos.makedirs('/output/a/b')\nopen('/output/a/b/c.txt', 'w').write('c')\n"
    + "open('/output/über \\u202e\\n.txt', 'w').write('u')\nopen('/output/empty', 'w')";
  const response = await play([{ code },
    { code: "import os\nprint(sorted(os.path.join(d, f) for d, _, n in os.walk('/input') for f in n))" },
    { say: "{output}" }]);
  const names = await Promise.all(notes(response).map(async ({ file_id: id }) =>
    (await client.files.retrieve(id)).filename));
  assert.deepEqual(names.sort(), ["a/b/c.txt", "empty", "über .txt"]);
  assert.match(response.output_text, /\['\/input\/a\/b\/c\.txt', '\/input\/empty', '\/input\/über \.txt'\]/);
  assert.match(results()[0], /note: \/output\/über .* is \/input\/über \.txt there\n/s);
  await client.responses.delete(response.id);
});

test("artifacts: one that cannot be kept is told to the model", async () => {
  const response = await play([{ code: "open('/output/big', 'wb').write(bytes(600000))" }, { say: "Well." }]);
  assert.deepEqual(notes(response), []);
  assert.match(results()[0], /note: \/output\/big is not there: The file is larger than 524288 bytes/);
  assert.equal((await onDisk()).length, 0);
});

test("artifacts: several runs at once", async () => {
  const calls = ["a", "b", "c"].map((name) => ({ name: "execute_code",
    arguments: { code: `open('/output/${name}.txt', 'w').write('${name}')` } }));
  const response = await play([{ calls }, { say: "Done." }]);
  assert.deepEqual((await Promise.all(notes(response).map(content))).sort(), ["a", "b", "c"]);
  assert.deepEqual(notes(response).map(({ index }) => index), [0, 1, 2]);
  await client.responses.delete(response.id);
});

test("artifacts: a turn that ends without a word names them all the same", async () => {
  const response = await play([{ code: WRITE }, { status: 400, error: "no" }]);
  assert.equal(response.status, "failed");
  assert.equal(response.output.at(-1).content[0].text, "Files: clean.csv");
  assert.equal(await content(notes(response)[0]), "a,b\n1,2\n");
  const next = await play([{ code: "print(open('/input/clean.csv').read())" }, { say: "{output}" }],
    { previous_response_id: response.id });
  assert.match(next.output_text, /1,2/);
  await client.responses.delete(response.id);
});

test("artifacts: where the client answers a call in between, the next message names them", async () => {
  const tools = [{ type: "function", name: "ask", parameters: { type: "object", properties: {} } }];
  const asked = await play([{ code: WRITE }, { calls: [{ name: "ask", arguments: {} }] }, { say: "Done." }], { tools });
  assert.deepEqual(asked.output.map(({ type }) => type), ["mcp_call", "function_call"]);
  const answered = await client.responses.create({ model: "m", tools, previous_response_id: asked.id,
    input: [{ type: "function_call_output", call_id: asked.output[1].call_id, output: "yes" }] });
  assert.equal(answered.output_text, "Done.");
  assert.equal(await content(notes(answered)[0]), "a,b\n1,2\n");
  await client.responses.delete(answered.id);
  await client.responses.delete(asked.id);
});

test("artifacts: with store: false they are kept for an hour, and come back with what is sent again", async () => {
  const first = await play([{ code: WRITE }, { say: "Done." }], { store: false });
  const [note] = notes(first);
  const file = await client.files.retrieve(note.file_id);
  assert.equal(file.expires_at, file.created_at + 3600);
  const second = await play([{ code: "print(open('/input/clean.csv').read())" }, { say: "{output}" }],
    { store: false, input: [{ role: "user", content: "go" }, ...first.output, { role: "user", content: "again" }] });
  assert.match(second.output_text, /1,2/);
  await client.files.delete(note.file_id);
  await until(onDisk, (names) => names.length === 0);
});

test("artifacts: shown in every form of items; what is ours alone in none", async () => {
  model.setRules([{ steps: [{ code: WRITE }, { say: "Done." }] }]);
  for (const form of ["mcp", "calls", "answer"]) {
    const { json } = await call(server.url, "/responses", { body: { input: "go" }, headers: { "x-cloche-items": form } });
    assert.equal(notes(json).length, 1);
    assert.ok(!JSON.stringify(json).includes("\"artifacts\""));
    const again = await call(server.url, `/responses/${json.id}`, { headers: { "x-cloche-items": "calls" } });
    assert.ok(!again.text.includes("\"artifacts\""));
    await client.responses.delete(json.id);
  }
  await until(onDisk, (names) => names.length === 0);
});

test("artifacts: of a background response", async () => {
  const { id } = await play([{ code: WRITE }, { say: "Done." }], { background: true });
  const done = await until(() => client.responses.retrieve(id), ({ status }) => status === "completed");
  assert.equal(await content(notes(done)[0]), "a,b\n1,2\n");
  await client.responses.delete(id);
  await until(onDisk, (names) => names.length === 0);
});
