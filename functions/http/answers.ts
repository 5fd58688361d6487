import type { CheckedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";

/** One event: its own error is the answer. A duplicate is a success too, so the client stops retrying. I-01, S-1, 13f. */
export function singleAnswer([outcome]: readonly Outcome<CheckedEvent>[]) {
  if (outcome?.kind === "rejected") throw outcome.error;
  const kind = outcome?.kind ?? "going";
  return { success: true, message_id: outcome?.messageId, ...(kind !== "going" && { [kind]: true }) };
}

/** A batch: always 200 with a verdict per refused event; on anything else SDKs drop or repeat the whole batch. I-02. */
export function batchAnswer(outcomes: readonly Outcome<CheckedEvent>[]) {
  const count = (kind: Outcome<unknown>["kind"]) => outcomes.filter((outcome) => outcome.kind === kind).length;
  const rejected = outcomes.flatMap((outcome, index) => {
    if (outcome.kind !== "rejected") return [];
    const { code, field, message } = outcome.error;
    return [{ index, message_id: outcome.messageId, code, field, message }];
  });
  const [suppressed, quarantined] = [count("suppressed"), count("quarantined")];
  return {
    success: true,
    accepted: count("going"),
    duplicates: count("duplicate"),
    ...(suppressed > 0 && { suppressed }),
    ...(quarantined > 0 && { quarantined }),
    rejected,
  };
}
