// A reporter that prints nothing but the counts, in the form the suite's runner adds up. Files that
// were left out count as E2E_SKIPPED tests.
export default async function* counts(source) {
  const count = { passed: 0, failed: 0, skipped: Number(process.env.E2E_SKIPPED ?? 0) };
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    if (data.skip !== undefined && data.skip !== false) count.skipped += 1;
    else count[type === "test:pass" ? "passed" : "failed"] += 1;
  }
  yield `e2e: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
}
