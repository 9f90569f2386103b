// Plain HTTP, as curl does it: JSON requests, event streams, and raw sockets where fetch is too kind.
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export async function call(url, path, { method, body, raw, headers } = {}) {
  const reply = await fetch(url + path, {
    method: method ?? (body || raw ? "POST" : "GET"), headers,
    body: raw ?? (body ? JSON.stringify(body) : undefined),
  });
  const text = await reply.text();
  const isJson = reply.headers.get("content-type")?.startsWith("application/json");
  return { status: reply.status, headers: reply.headers, text, json: isJson ? JSON.parse(text) : null };
}

export const ask = (url, body) => call(url, "/responses", { body });

// The events of a complete stream, with its framing checked to the letter.
export function parseEvents(text) {
  const frames = text.split("\n\n");
  if (frames.pop() !== "") throw new Error(`the stream ends in mid-event: ${text.slice(-200)}`);
  const events = [];
  let done = false;
  for (const frame of frames) {
    if (frame === ": keep-alive") continue;
    if (done) throw new Error(`an event after [DONE]: ${frame}`);
    if (frame === "data: [DONE]") { done = true; continue; }
    const [, type, data] = /^event: ([\w.]+)\ndata: (\{.*\})$/.exec(frame) ?? [];
    if (!type) throw new Error(`not an event: ${frame.slice(0, 200)}`);
    const event = JSON.parse(data);
    if (event.type !== type) throw new Error(`event ${type} says it is ${event.type}`);
    events.push(event);
  }
  if (!done) throw new Error("the stream ends without [DONE]");
  return events;
}

// A request on a socket of its own, with every chunk of the chunked body as it came.
export async function openRaw(url, path, body, { method = "POST", headers = "" } = {}) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const text = body === undefined ? "" : JSON.stringify(body);
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\n${headers}`
    + `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  return socket;
}

// Ask again and again until `wanted` holds; what it gave then.
export async function until(question, wanted, { timeout = 60_000 } = {}) {
  const end = Date.now() + timeout;
  for (;;) {
    const answer = await question();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`waited in vain; last: ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}
