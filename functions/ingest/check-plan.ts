import type { FlatEvent, ReceivedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import { AppError, messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { warned } from "./check-schema.ts";
import type { CheckPlan } from "./ports.ts";

/**
 * Holds each event, as it was sent, to the tracking plan. `block` refuses it with `plan_violation` and the field,
 * `quarantine` takes it and keeps it with the dead letters, `warn` stores it with a warning. `sent` are the same events
 * before they were flattened, at the same places. A plan that cannot be read is a fault of ours: it refuses nobody, what it
 * should have judged is stored with a warning. Decisions 11, 13f; B-11.
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
    const broken = verdict(check, type, event, bag);
    if (broken === "unknown") return { ...outcome, event: warned(outcome.event, "schema_unchecked") };
    if (!broken) return outcome;
    const { messageId } = outcome;
    if (broken.mode === "warn") return { ...outcome, event: warned(outcome.event, "plan_violation") };
    const error = new AppError("plan_violation", broken.message, { field: broken.field });
    return broken.mode === "block"
      ? { messageId, kind: "rejected", error, stage: "plan" }
      : { messageId, kind: "quarantined", error };
  });
}

function verdict(check: CheckPlan, ...sent: Parameters<CheckPlan>): ReturnType<CheckPlan> | "unknown" {
  try {
    return check(...sent);
  } catch (error) {
    log.error(
      { type: sent[0], error: messageOf(error) },
      "the tracking plan cannot be read: events are stored unchecked",
    );
    return "unknown";
  }
}
