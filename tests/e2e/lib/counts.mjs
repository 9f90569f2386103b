// A reporter that prints nothing but how many tests passed, failed and were skipped.
export default async function* counts(source) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    if (data.skip !== undefined && data.skip !== false) count.skipped += 1;
    else count[type === "test:pass" ? "passed" : "failed"] += 1;
  }
  yield `${count.passed} ${count.failed} ${count.skipped}\n`;
}
