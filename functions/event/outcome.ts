import { AppError } from "../kit/errors.ts";
import type { Stage } from "./dead-letter.ts";

/**
 * What became of one event of a request. Only what is `going` reaches the next stage. `messageId` is "" where none could
 * be read. `suppressed` is dropped because its person wished so, `quarantined` is kept with the dead letters because the
 * tracking plan says so; both are successes to the client (decision 13f).
 */
export type Outcome<T> = { messageId: string } & (
  | { kind: "going"; event: T }
  | { kind: "duplicate" }
  | { kind: "suppressed" }
  | { kind: "quarantined"; error: AppError }
  | { kind: "rejected"; error: AppError; stage: Stage }
);

/** Runs a stage on what is still going; an AppError becomes that event's verdict, any other error is a fault and goes on. */
export const each = <From, To>(
  outcomes: readonly Outcome<From>[],
  name: Stage,
  stage: (event: From) => To,
): Outcome<To>[] =>
  outcomes.map((outcome) =>
    outcome.kind === "going" ? tried(outcome.messageId, name, outcome.event, stage) : outcome,
  );

/** The verdict of one stage on one event. */
export function tried<From, To>(messageId: string, name: Stage, event: From, stage: (event: From) => To): Outcome<To> {
  try {
    return { messageId, kind: "going", event: stage(event) };
  } catch (error) {
    if (error instanceof AppError) return { messageId, kind: "rejected", error, stage: name };
    throw error;
  }
}

/** The events that reached this point. */
export const going = <T>(outcomes: readonly Outcome<T>[]): T[] =>
  outcomes.flatMap((outcome) => (outcome.kind === "going" ? [outcome.event] : []));
