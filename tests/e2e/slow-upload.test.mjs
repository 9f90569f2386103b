// An upload that comes too slowly is cut off, and others go on: half a minute of waiting, in a file of
// its own so that it holds up no other test.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";

import { call, until } from "./lib/http.mjs";
import { startServer } from "./lib/server.mjs";

test("files: an upload of a byte now and then is cut off", async () => {
  const server = await startServer({});
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let open = true;
  socket.on("error", () => {});
  socket.once("close", () => { open = false; });
  await once(socket, "connect");
  socket.write("POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n"
    + "Content-Type: multipart/form-data; boundary=BBB\r\n\r\n--BBB\r\n");
  const end = Date.now() + 120_000;
  while (open && Date.now() < end) {
    socket.write("x");
    await sleep(500);
  }
  assert.equal(open, false, "the connection is open after two minutes");
  const line = await until(async () => server.events().find(({ path }) => path === "/files"), Boolean);
  assert.equal(line.status, 408);
  const form = new FormData();
  form.append("purpose", "vision");
  form.append("file", new Blob(["x"]), "a");
  assert.equal((await call(server.url, "/files", { raw: form })).status, 200);
  await server.stop();
});
