import type { EventType, JsonObject } from "../../../functions/event/event.ts";
import { between, type Random, waiting } from "./random.ts";

/** The three systems of the shop that send events, each a source with a write key of its own. */
export const SOURCES = ["web", "app", "server"] as const;
export type SourceName = (typeof SOURCES)[number];

/** One call of an SDK, `offsetMs` after its visit began; its id and its time come when it is written down. */
export type Planned = { source: SourceName; offsetMs: number; type: EventType; fields: JsonObject };

/** What happens during one visit, in order. `offsetMs` is how far it has come. */
export type Tape = { random: Random; planned: Planned[]; offsetMs: number };

export const createTape = (random: Random): Tape => ({ random, planned: [], offsetMs: 0 });

/** Adds a call. Calls made in one go still lie some milliseconds apart, so that times ascend strictly. */
export function record(tape: Tape, source: SourceName, type: EventType, fields: JsonObject): void {
  tape.planned.push({ source, offsetMs: tape.offsetMs, type, fields });
  tape.offsetMs += Math.round(between(tape.random, 60, 400));
}

/** Somebody reads, thinks or types: at least a second, at most two minutes, `meanSeconds` on the whole. */
export function pause(tape: Tape, meanSeconds: number): void {
  tape.offsetMs += Math.round(1_000 * Math.min(1 + waiting(tape.random, meanSeconds - 1), 120));
}
