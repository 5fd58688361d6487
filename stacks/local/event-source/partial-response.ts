/** Which records of a batch a handler's answer leaves to be retried. */
export type Verdict = { kind: "succeeded" } | { kind: "failed" } | { kind: "reported"; ids: Set<string> };

/**
 * Reads the answer of a handler with `ReportBatchItemFailures` as Lambda does: no answer, `{}` and an empty or null
 * list are success; an identifier that is empty, null, misspelt or not in the batch fails the whole batch, and so does
 * an answer that is no object or whose list is none. `ids` are the identifiers of the batch. Reliability 2.1, 2.3.
 */
export function readPartialResponse(answer: unknown, ids: ReadonlySet<string>): Verdict {
  if (answer === undefined || answer === null) return { kind: "succeeded" };
  if (typeof answer !== "object" || Array.isArray(answer)) return { kind: "failed" };
  const { batchItemFailures } = answer as { batchItemFailures?: unknown };
  if (batchItemFailures === undefined || batchItemFailures === null) return { kind: "succeeded" };
  if (!Array.isArray(batchItemFailures)) return { kind: "failed" };

  const reported = new Set<string>();
  for (const failure of batchItemFailures as ({ itemIdentifier?: unknown } | null)[]) {
    const id = failure?.itemIdentifier;
    if (typeof id !== "string" || !ids.has(id)) return { kind: "failed" };
    reported.add(id);
  }
  return reported.size === 0 ? { kind: "succeeded" } : { kind: "reported", ids: reported };
}
