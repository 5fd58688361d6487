import type { FlatEvent, ReceivedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import { AppError } from "../kit/errors.ts";
import { warned } from "./check-schema.ts";
import type { CheckPlan } from "./ports.ts";

/**
 * Holds each event, as it was sent, to the tracking plan. `block` refuses it with `plan_violation` and the field,
 * `quarantine` takes it and keeps it with the dead letters, `warn` stores it with a warning. `sent` are the same events
 * before they were flattened, at the same places. Decisions 11, 13f; B-11.
 */
export function checkPlan<Event extends FlatEvent>(
  check: CheckPlan,
  sent: readonly Outcome<{ event: ReceivedEvent }>[],
  flat: readonly Outcome<Event>[],
): Outcome<Event>[] {
  return flat.map((outcome, index) => {
    const from = sent[index];
    if (outcome.kind !== "going" || from?.kind !== "going") return outcome;
    const { type, event, properties, traits } = from.event.event;
    const bag = type === "identify" || type === "group" ? traits : properties;
    const broken = check(type, event, bag);
    if (!broken) return outcome;
    const { messageId } = outcome;
    if (broken.mode === "warn") return { ...outcome, event: warned(outcome.event, "plan_violation") };
    const error = new AppError("plan_violation", broken.message, { field: broken.field });
    return broken.mode === "block"
      ? { messageId, kind: "rejected", error, stage: "plan" }
      : { messageId, kind: "quarantined", error };
  });
}
