// Files: uploaded, listed, read and deleted by the official client; sent within requests; found by the
// code; what a server leaves on the disk, and what it refuses.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";
import OpenAI6 from "openai-6";

import { call, until } from "./lib/http.mjs";
import { startServer } from "./lib/server.mjs";
import { startModelServer } from "./model-server/server.mjs";

const SALES = "region,amount\nnorth,10\nsouth,32\n";
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let folder, store, agent, model, server, client;

const start = async () => {
  server = await startServer({ agent, model, arguments: ["--store", store] });
  client = new OpenAI({ apiKey: "any", baseURL: `${server.url}/v1`, maxRetries: 0 });
};
const onDisk = async () => (await readdir(`${store}-files`)).sort();
const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
const status = (field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`)
  .exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]);
const upload = (name, content, more = {}) => client.files.create(
  { file: new File([content], name), purpose: "user_data", ...more });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloche-e2e-files-"));
  store = join(folder, "store.db");
  agent = join(folder, "agent.yaml");
  await writeFile(agent, `name: files
model: {kind: auto}
sandbox: {time: 20s, count: 2}
serve: {grace: 2s, files: {max_bytes: 64MiB, total_bytes: 200MiB}}
`);
  model = await startModelServer({ key: "k" });
  await start();
});
after(async () => {
  await server?.stop();
  await model?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => model.setRules([]));

// The value that the code prints.
const run = async (code, request) => {
  model.setRules([{ steps: [{ code }, { say: "{output}" }] }]);
  const response = await client.responses.create({ model: "m", ...request });
  assert.equal(response.status, "completed", JSON.stringify(response.error));
  return { response, text: response.output_text };
};
const said = () => model.requests.at(-1).body.input.filter(({ role }) => role === "user").at(-1)
  .content.map((part) => part.text ?? part.image_url);

for (const [version, Client] of [["7", OpenAI], ["6", OpenAI6]]) {
  test(`files: the official client, version ${version}, makes, lists, reads and deletes`, async () => {
    const client = new Client({ apiKey: "any", baseURL: `${server.url}/v1`, maxRetries: 0 });
    const upload = (name, content) => client.files.create(
      { file: new File([content], name), purpose: "user_data" });
    const made = await upload("sales.csv", SALES);
    assert.match(made.id, /^file-[0-9a-f]{32}$/);
    assert.equal(made.object, "file");
    assert.equal(made.bytes, SALES.length);
    assert.equal(made.filename, "sales.csv");
    assert.equal(made.purpose, "user_data");
    assert.equal(made.status, "processed");
    assert.deepEqual(await client.files.retrieve(made.id), made);
    const content = await client.files.content(made.id);
    assert.equal(await content.text(), SALES);
    assert.equal(content.headers.get("content-type"), "text/csv");
    assert.equal(content.headers.get("x-content-type-options"), "nosniff");
    assert.equal(content.headers.get("content-disposition"),
      "attachment; filename=\"sales.csv\"; filename*=UTF-8''sales.csv");
    assert.equal(content.headers.get("content-security-policy"), "sandbox; default-src 'none'");
    const more = [await upload("b.txt", "b"), await upload("c.txt", "")];
    const listed = [];
    for await (const file of client.files.list({ limit: 1, order: "asc" })) listed.push(file.id);
    assert.deepEqual(listed, [made.id, ...more.map(({ id }) => id)]);
    const newest = await client.files.list({ purpose: "user_data" });
    assert.deepEqual(newest.data.map(({ id }) => id), [...listed].reverse());
    assert.equal((await client.files.list({ purpose: "batch" })).data.length, 0);
    assert.deepEqual(await client.files.delete(made.id), { id: made.id, object: "file", deleted: true });
    await assert.rejects(client.files.retrieve(made.id), { status: 404 });
    await assert.rejects(client.files.content(made.id), { status: 404 });
    await assert.rejects(client.files.delete(made.id), { status: 404 });
    for (const { id } of more) await client.files.delete(id);
    await until(onDisk, (names) => names.length === 0);
  });
}

test("files: expires_after is kept, and checked", async () => {
  const file = await upload("a", "a", { expires_after: { anchor: "created_at", seconds: 3600 } });
  assert.equal(file.expires_at, file.created_at + 3600);
  await client.files.delete(file.id);
  await assert.rejects(upload("a", "a", { expires_after: { anchor: "created_at", seconds: 1 } }),
    { status: 400, param: "expires_after[seconds]" });
});

test("files: odd names are made safe", async () => {
  for (const [name, wanted] of [["../../etc/passwd", "passwd"], ["a\"b.csv", "a\"b.csv"],
    ["r\u202ecod.exe", "rcod.exe"], ["größe 1.csv", "größe 1.csv"], ["c:\\x\\y.txt", "y.txt"],
    [`${"ü".repeat(300)}.csv`, `${"ü".repeat(98)}.csv`], ["two\nlines.csv", "twolines.csv"]]) {
    const file = await upload(name, "x");
    assert.equal(file.filename, wanted);
    await client.files.delete(file.id);
  }
});

test("files: ranges", async () => {
  const { id } = await upload("digits.txt", "0123456789");
  const get = (headers) => call(server.url, `/files/${id}/content`, { headers });
  for (const [range, code, text, said] of [
    ["bytes=2-4", 206, "234", "bytes 2-4/10"], ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"], ["bytes=5-99", 206, "56789", "bytes 5-9/10"],
    ["bytes=0-", 200, "0123456789", null], ["bytes=4-2", 200, "0123456789", null],
    ["bytes=1-2,4-5", 200, "0123456789", null], ["lines=1-2", 200, "0123456789", null]]) {
    const { status, text: got, headers } = await get({ range });
    assert.deepEqual([status, got, headers.get("content-range")], [code, text, said], range);
  }
  assert.equal((await get({ range: "bytes=10-" })).status, 416);
  assert.equal((await get({ range: "bytes=2-4", "if-range": `"${id}"` })).text, "234");
  assert.equal((await get({ range: "bytes=2-4", "if-range": "\"other\"" })).status, 200);
  const head = await call(server.url, `/files/${id}/content`, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), "10");
  await client.files.delete(id);
});

// A body of fields, each [name, value, filename].
const form = (...fields) => {
  const body = new FormData();
  for (const [name, value, filename] of fields)
    if (filename === undefined) body.append(name, value);
    else body.append(name, new Blob([value]), filename);
  return body;
};
const post = async (body, headers) => {
  const reply = await fetch(`${server.url}/v1/files`, { method: "POST", body, headers });
  return { status: reply.status, ...(await reply.json()).error };
};

test("files: what is wrong with an upload is named", async () => {
  const purpose = ["purpose", "vision"];
  assert.deepEqual((({ status, param, type }) => [status, param, type])(await post(form(purpose))),
    [400, "file", "invalid_request_error"]);
  assert.equal((await post(form(["file", "x", "a"]))).param, "purpose");
  assert.match((await post(form(["file", "x", "a"], ["purpose", "mine"]))).message, /'mine'/);
  assert.match((await post(form(["file", "just text"], purpose))).message, /has no filename/);
  assert.match((await post(form(["file", "x", "a"], ["file", "y", "b"], purpose))).message, /twice/);
  assert.equal((await post(JSON.stringify({}), { "content-type": "application/json" })).code,
    "invalid_content_type");
  assert.equal((await post("x", { "content-type": "multipart/form-data" })).code, "invalid_multipart");
  const typed = { "content-type": "multipart/form-data; boundary=BB" };
  const part = "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx";
  for (const body of [part, `${part}\r\n--BB\r\n`])
    assert.equal((await post(body, typed)).code, "invalid_multipart", JSON.stringify(body));
  assert.equal((await call(server.url, "/files", { method: "PUT" })).headers.get("allow"),
    "GET, HEAD, POST");
  assert.equal((await call(server.url, "/files?limit=0")).json.error.param, "limit");
  assert.equal((await call(server.url, "/files?order=up")).json.error.param, "order");
  assert.equal((await call(server.url, "/files?after=file-1")).json.error.param, "after");
  assert.equal((await call(server.url, "/files/..%2fstore.db/content")).status, 404);
  assert.deepEqual(await onDisk(), []);
});

test("files: one that is too large is refused, announced or not", async () => {
  const large = Buffer.alloc(70 << 20);
  await assert.rejects(upload("large", large), { status: 413 });
  const body = (async function* pieces() {
    yield "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    for (let i = 0; i < 70; i += 1) yield large.subarray(0, 1 << 20);
  })();
  const reply = await fetch(`${server.url}/files`, { method: "POST", body, duplex: "half",
    headers: { "content-type": "multipart/form-data; boundary=BB" } });
  assert.equal(reply.status, 413);
  assert.match((await reply.json()).error.message, /67108864 bytes/);
  assert.deepEqual(await onDisk(), []);
});

test("files: all together have a ceiling, and room comes back", async () => {
  const made = [];
  for (let i = 0; i < 3; i += 1) made.push((await upload("part", Buffer.alloc(60 << 20))).id);
  await assert.rejects(upload("more", Buffer.alloc(30 << 20)), { code: "file_quota_exceeded" });
  assert.equal((await onDisk()).length, 3);
  for (const id of made) await client.files.delete(id);
  await client.files.delete((await upload("more", Buffer.alloc(30 << 20))).id);
  await until(onDisk, (names) => names.length === 0);
});

test("files: many at once arrive whole, and the server's memory does not grow with them", async () => {
  await client.files.delete((await upload("first", Buffer.alloc(1 << 20))).id);
  const before = { fds: descriptors(), memory: status("VmHWM") };
  const contents = Array.from({ length: 12 }, () => randomBytes(12 << 20));
  const alive = [];
  let uploading = true;
  const look = (async () => {
    while (uploading) alive.push((await call(server.url, "/liveness")).status);
  })();
  const files = await Promise.all(contents.map((content, i) => upload(`f${i}.bin`, content)));
  uploading = false;
  await look;
  assert.ok(alive.length > 0 && alive.every((one) => one === 200));
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  await Promise.all(files.map(async ({ id }, i) => {
    const got = Buffer.from(await (await client.files.content(id)).arrayBuffer());
    assert.equal(digest(got), digest(contents[i]));
    await client.files.delete(id);
  }));
  assert.ok(status("VmHWM") - before.memory < 64 << 10, // of 144 MiB that came
    `${status("VmHWM")} KiB after ${before.memory}`);
  await until(onDisk, (names) => names.length === 0);
  await until(async () => descriptors(), (count) => count <= before.fds + 4);
});

test("files: a client that vanishes leaves nothing", async () => {
  const { hostname, port } = new URL(server.url);
  for (const sent of [0, 100, 3 << 20]) {
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(`POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: ${10 << 20}\r\n`
      + "Content-Type: multipart/form-data; boundary=BB\r\n\r\n"
      + "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n");
    if (sent) {
      socket.write(Buffer.alloc(sent));
      if (sent > 1 << 20) await until(onDisk, (names) => names.length === 1);
    }
    socket.destroy();
    await until(onDisk, (names) => names.length === 0);
  }
});

test("files: a page of another origin may not upload", async () => {
  const { status: code, type } = await post(form(["file", "x", "a"], ["purpose", "vision"]),
    { origin: "https://evil.example" });
  assert.deepEqual([code, type], [403, "permission_error"]);
});

test("input_file: by id, it stands in /input, and the model is told", async () => {
  const file = await upload("sales.csv", SALES);
  const { text } = await run(
    "import csv; print(sum(int(r['amount']) for r in csv.DictReader(open('/input/sales.csv'))))",
    { input: [{ role: "user", content: [{ type: "input_text", text: "Add up" },
      { type: "input_file", file_id: file.id }] }] });
  assert.match(text, /\b42\b/);
  assert.deepEqual(said(), ["Add up",
    "[file] /input/sales.csv: 32 bytes, text/csv; its first line: region,amount"]);
  await client.files.delete(file.id);
});

for (const way of ["previous_response_id", "conversation", "replay"]) {
  test(`input_file: as data, kept with its response, found by later turns: ${way}`, async () => {
    const first = [{ role: "user", content: [{ type: "input_file", filename: "sales.csv",
      file_data: `data:text/csv;base64,${Buffer.from(SALES).toString("base64")}` }] }];
    const conversation = `conv_${Date.now()}`;
    const one = await run("print(open('/input/sales.csv').read())",
      { input: first, ...(way === "conversation" && { conversation }) });
    assert.match(one.text, /south,32/);
    const second = { role: "user", content: [{ type: "input_text", text: "again" },
      { type: "input_file", filename: "sales.csv", file_data: Buffer.from("x\n7\n").toString("base64") }] };
    const two = await run("import os; print(sorted(os.listdir('/input')), open('/input/sales (2).csv').read(), open('/input/sales.csv').read())",
      { input: way === "replay" ? [...first, ...one.response.output, second] : [second],
        ...(way === "conversation" && { conversation }),
        ...(way === "previous_response_id" && { previous_response_id: one.response.id }) });
    assert.match(two.text, /\['sales \(2\)\.csv', 'sales\.csv'\] x\n7\n region,amount/);
    assert.deepEqual(said(), ["again",
      "[file] /input/sales (2).csv (sent as sales.csv): 4 bytes, text/csv; its first line: x"]);
    // what is stored is an id, not the data
    const { data } = await client.responses.inputItems.list(two.response.id, { order: "asc" });
    const part = data.at(-1).content[1];
    assert.match(part.file_id, /^file-/);
    assert.equal(part.file_data, undefined);
    assert.equal(await (await client.files.content(part.file_id)).text(), "x\n7\n");
    await client.responses.delete(two.response.id);
    await assert.rejects(client.files.retrieve(part.file_id), { status: 404 });
    await client.responses.delete(one.response.id);
    await until(onDisk, (names) => names.length === 0);
  });
}

test("input_file: with store: false nothing is left", async () => {
  const data = Buffer.from("a,b\n").toString("base64");
  const { text } = await run("print(open('/input/t.csv').read())", { store: false,
    input: [{ role: "user", content: [{ type: "input_file", filename: "t.csv", file_data: data }] }] });
  assert.match(text, /a,b/);
  await until(onDisk, (names) => names.length === 0);
});

test("input_file: a background response has it too", async () => {
  model.setRules([{ steps: [{ code: "print(open('/input/t.csv').read())" }, { say: "{output}" }] }]);
  const data = Buffer.from("a,b\n").toString("base64");
  const { id } = await client.responses.create({ model: "m", background: true,
    input: [{ role: "user", content: [{ type: "input_file", filename: "t.csv", file_data: data }] }] });
  const done = await until(() => client.responses.retrieve(id), ({ status: now }) => now === "completed");
  assert.match(done.output_text ?? done.output.at(-1).content[0].text, /a,b/);
  await client.responses.delete(id);
  await until(onDisk, (names) => names.length === 0);
});

test("input_image: the model sees it, the code finds it", async () => {
  const { text } = await run("import os; print(os.path.getsize('/input/image.png'), os.path.getsize('/input/dot.png'))",
    { input: [{ role: "user", content: [
      { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "low" },
      { type: "input_image", file_id: (await upload("dot.png", Buffer.from(PIXEL, "base64"))).id },
      { type: "input_image", image_url: "https://example.com/a.png" }] }] });
  const size = Buffer.from(PIXEL, "base64").length;
  assert.match(text, new RegExp(`${size} ${size}`));
  const url = `data:image/png;base64,${PIXEL}`;
  assert.deepEqual(said(), [`[image] /input/image.png: ${size} bytes, image/png`, url,
    `[image] /input/dot.png: ${size} bytes, image/png`, url, "https://example.com/a.png"]);
});

test("input parts: what cannot be had is refused by name", async () => {
  const file = await upload("t.txt", "text");
  for (const [part, param, says, code = 400] of [
    [{ type: "input_file", file_id: "file-00000000000000000000000000000000" }, "file_id", /No file with id 'file-0/, 404],
    [{ type: "input_file", file_id: "../store.db" }, "file_id", /'..\/store.db'/, 404],
    [{ type: "input_file", file_url: "https://example.com/a.csv" }, "file_url", /Download it/],
    [{ type: "input_file" }, "file_id", /is missing/],
    [{ type: "input_file", file_id: file.id, file_data: "eA==" }, "file_data", /beside file_id/],
    [{ type: "input_file", filename: "a", file_data: "%%%" }, "file_data", /is no base64/],
    [{ type: "input_file", filename: "a", file_data: "data:text/csv,plain" }, "file_data", /another form/],
    [{ type: "input_image", file_id: file.id }, "file_id", /no image/],
    [{ type: "input_image", image_url: "data:image/png;base64,A" }, "image_url", /is no base64/]]) {
    const { status: got, json } = await call(server.url, "/responses",
      { body: { input: [{ role: "user", content: [{ type: "input_text", text: "a" }, part] }] } });
    assert.equal(got, code, JSON.stringify(part));
    assert.equal(json.error.param, `input[0].content[1].${param}`);
    assert.match(json.error.message, says);
  }
  await client.files.delete(file.id);
});

test("input parts: what an earlier turn named and is gone is told, not refused", async () => {
  const file = await upload("gone.csv", "a\n1\n");
  const content = [{ type: "input_file", file_id: file.id, filename: "gone.csv" }];
  const first = await client.responses.create({ model: "m", input: [{ role: "user", content }] });
  await client.files.delete(file.id);
  const second = await client.responses.create({ model: "m", input: "and now?", previous_response_id: first.id });
  assert.equal(second.status, "completed");
  const told = "[file] gone.csv: not available (deleted, expired or never uploaded here)";
  assert.equal(model.requests.at(-1).body.input[0].content[0].text, told);
  const replayed = await client.responses.create({ model: "m", input: [{ role: "user", content },
    { role: "assistant", content: "seen" }, { role: "user", content: "and now?" }] });
  assert.equal(replayed.status, "completed");
  assert.equal(model.requests.at(-1).body.input[0].content[0].text, told);
});

test("files: a restart keeps them, a crash in mid-upload leaves nothing", async () => {
  const file = await upload("kept.csv", SALES);
  const first = await run("print(1)", { input: [{ role: "user", content: [
    { type: "input_file", filename: "within.csv", file_data: Buffer.from(SALES).toString("base64") }] }] });
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: ${10 << 20}\r\n`
    + "Content-Type: multipart/form-data; boundary=BB\r\n\r\n"
    + "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n");
  socket.write(Buffer.alloc(2 << 20));
  const names = await until(onDisk, (all) => all.some((name) => name.startsWith("part-")));
  server.child.kill("SIGKILL");
  await server.ended;
  socket.destroy();
  await start();
  assert.deepEqual(await onDisk(), names.filter((name) => !name.startsWith("part-")));
  assert.equal(await (await client.files.content(file.id)).text(), SALES);
  const { text } = await run("print(open('/input/within.csv').read())",
    { input: "again", previous_response_id: first.response.id });
  assert.match(text, /south,32/);
  assert.equal((await stat(`${store}-files`)).mode & 0o777, 0o700);
});

test("files: an upload in progress is finished when the server ends", async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const body = "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"late\"\r\n\r\nlate"
    + "\r\n--BB\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nvision\r\n--BB--\r\n";
  socket.write(`POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n`
    + `Content-Type: multipart/form-data; boundary=BB\r\n\r\n${body.slice(0, 50)}`);
  await new Promise((done) => { setTimeout(done, 200); });
  server.child.kill("SIGTERM");
  await until(async () => server.log, (log) => log.includes("stopping"));
  socket.write(body.slice(50));
  const [reply] = await once(socket, "data");
  assert.match(reply.toString(), /^HTTP\/1.1 200 /);
  socket.destroy();
  await server.ended;
  await start();
  const { data } = await client.files.list();
  assert.ok(data.some(({ filename }) => filename === "late"));
});
