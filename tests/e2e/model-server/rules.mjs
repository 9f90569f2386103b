// What the model does: rules are tried in order, the first that fits the user's last message plays.
//
//   { when: "regular expression",       // without it: every message
//     steps: [ STEP, STEP, ... ] }      // the n-th is due after n batches of results behind it
//
//   STEP: { say: "text", code: "print(1)", calls: [{ name, arguments }] }   // any of them together
//         { status: 503, error: "busy", errorCode: "…", headers: {...} }    // an HTTP refusal
//         plus, with any: delay: ms between two pieces, cut: n (hang up after n pieces),
//         hang: true (never end), usage: {input, output}
//
// Where the request has a tool whose name ends with Answer, as clients send it that want their answers
// in a structure, what would be said is its argument `text`.
//
// {output} in `say` is the text of the last result. After the last step, and for messages that no
// rule fits, the built-in behaviour follows: a block fenced as Python is run by execute_code, and
// what came out is said; anything else is echoed.

const FENCE = /```(?:python|py)\s*\n([\s\S]*?)```/;

export function decide(rules, scene) {
  const rule = rules.find((one) => !one.when || new RegExp(one.when, "is").test(scene.user));
  const step = rule?.steps[scene.rounds] ?? builtIn(scene);
  const calls = [...(step.calls ?? [])];
  if (step.code !== undefined) calls.unshift({ name: "execute_code", arguments: { code: step.code } });
  const output = scene.results.at(-1) ?? "";
  const say = step.say?.replaceAll("{output}", () => output);
  const name = scene.tools?.find((one) => one.endsWith("Answer"));
  if (!name || say === undefined) return { ...step, calls, say };
  return { ...step, calls: [...calls, { name, arguments: { text: say } }], say: undefined };
}

function builtIn({ user, results }) {
  if (results.length > 0) return { say: "The result is: {output}" };
  const block = FENCE.exec(user);
  return block ? { code: block[1] } : { say: `You said: ${user}` };
}

// A text in pieces of at most n characters, whole code points.
export function pieces(text, n = 12) {
  const points = [...text];
  return Array.from({ length: Math.ceil(points.length / n) }, (_, i) =>
    points.slice(i * n, (i + 1) * n).join(""));
}

let count = 0;
export function freshId(prefix) {
  count += 1;
  return `${prefix}_${String(count).padStart(8, "0")}`;
}

export function argumentText(call) {
  return typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments ?? {});
}
