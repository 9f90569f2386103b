// The real program on a free port, for the length of a test file.
//
//   const server = await startServer({ agent: "quick.yaml", env: {...}, arguments: [...] });
//   server.url; server.log; await server.stop();   // SIGTERM, then waits for the end
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = resolve(HERE, "../..");
const BUILD = resolve(process.env.CLOCHE_BUILD ?? join(ROOT, "build"));
const PROGRAM = process.env.CLOCHE_BIN ?? join(BUILD, "cloche");
const READY = /listening on (http:\/\/\S+)/;

export const EXAMPLE = join(ROOT, "examples/hyperlight-codeact/agent.yaml");
export const QUICK = join(HERE, "agents/quick.yaml");
export const PATIENT = join(HERE, "agents/patient.yaml");
export const BRIEF = join(HERE, "agents/brief.yaml");

// Whatever would choose a real model, or another port, must not leak into a test.
function cleanEnvironment(more) {
  const kept = Object.entries(process.env)
    .filter(([name]) => !/^(OPENAI_|AZURE_|FOUNDRY_|PORT$|NODE_)/.test(name));
  const tools = process.env.CLOCHE_EXAMPLE_TOOLS ?? join(BUILD, "examples/example_tools.so");
  return { ...Object.fromEntries(kept), CLOCHE_EXAMPLE_TOOLS: tools, ...more };
}

export async function startServer({ agent = QUICK, env = {}, model, arguments: more = [] } = {}) {
  const chosen = model ? { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "k", OPENAI_MODEL: "m" } : {};
  const child = spawn(PROGRAM, ["serve", agent, "--port", "0", ...more],
    { env: cleanEnvironment({ ...chosen, ...env }), stdio: ["ignore", "ignore", "pipe"], cwd: ROOT });
  const server = { child, log: "", url: null };
  process.once("exit", () => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  child.stderr.setEncoding("utf8");
  const ready = new Promise((done, fail) => {
    child.stderr.on("data", (text) => {
      server.log += text;
      const found = READY.exec(server.log);
      if (found) done(found[1]);
    });
    ended.then(() => fail(new Error(`the server did not start: ${server.log}`)), fail);
    child.once("error", fail);
  });
  server.url = await ready;
  server.ended = ended.then(([code, signal]) => ({ code, signal }));
  server.stop = async () => {
    child.kill("SIGTERM");
    return server.ended;
  };
  // The log lines that are JSON: one at the end of each request.
  server.events = () => server.log.split("\n").slice(0, -1).filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  return server;
}
