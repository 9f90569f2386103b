// Every file of tests/protocol but response.json is a case. Adding one needs no code.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startModelServer } from "./model-server/server.mjs";
import { FOLDER, play } from "./lib/protocol.mjs";
import { startServer } from "./lib/server.mjs";

let model, server;
before(async () => {
  model = await startModelServer({ key: "k" });
  server = await startServer({ model });
});
after(async () => {
  await server?.stop();
  await model?.close();
});

for (const file of readdirSync(FOLDER).sort()) {
  if (!file.endsWith(".json") || file === "response.json") continue;
  const scene = JSON.parse(readFileSync(join(FOLDER, file), "utf8"));
  test(`protocol: ${scene.what}`, async () => {
    model.setRules(scene.rules ?? []);
    await play(server.url, scene, model);
  });
}
