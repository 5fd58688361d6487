import { AppError } from "../kit/errors.ts";

/** What became of one event of a request. Only what is `going` reaches the next stage. `messageId` is "" where none could be read. */
export type Outcome<T> = { messageId: string } & (
  | { kind: "going"; event: T }
  | { kind: "duplicate" }
  | { kind: "rejected"; error: AppError }
);

/** Runs a stage on what is still going; an AppError becomes that event's verdict, any other error is a fault and goes on. */
export const each = <From extends { messageId: string }, To>(
  outcomes: readonly Outcome<From>[],
  stage: (event: From) => To,
): Outcome<To>[] =>
  outcomes.map((outcome) => (outcome.kind === "going" ? tried(outcome.messageId, outcome.event, stage) : outcome));

/** The verdict of one stage on one event. */
export function tried<From, To>(messageId: string, event: From, stage: (event: From) => To): Outcome<To> {
  try {
    return { messageId, kind: "going", event: stage(event) };
  } catch (error) {
    if (error instanceof AppError) return { messageId, kind: "rejected", error };
    throw error;
  }
}

/** The events that reached this point. */
export const going = <T>(outcomes: readonly Outcome<T>[]): T[] =>
  outcomes.flatMap((outcome) => (outcome.kind === "going" ? [outcome.event] : []));
