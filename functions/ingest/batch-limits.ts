import type { Json, JsonObject } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import { type SizeLimits, tooLarge } from "./inflate.ts";

/** Far above what any client sends. A refused event costs a dead letter and a line of the answer, and two bytes are one. */
export const EVENTS_MAX = 10_000;
/** How much larger than its limit a batch may become when its own context is given to each of its events. */
const SPREAD_MAX = 4;

/**
 * Why a batch cannot be taken as a whole, whatever each event is like: more events than EVENTS_MAX, or a context that
 * would make far more of the batch than its bytes. What is taken is bounded by what was sent. I-06, E1.
 */
export function refusedBatch(events: number, contextBytes: number, limits: SizeLimits): AppError | undefined {
  if (events > EVENTS_MAX)
    return new AppError(
      "payload_too_large",
      `The batch has ${events} events, the limit is ${EVENTS_MAX}. Send less at once.`,
    );
  if (events * contextBytes <= SPREAD_MAX * limits.batchBytesMax) return undefined;
  return new AppError(
    "payload_too_large",
    "The context of the batch is too large to be given to each of its events. Send fewer events at once.",
    { field: "context" },
  );
}

/** Why an event of a batch is too large, alone or with the batch's context; `where` names it. I-06. */
export function refusedEvent(item: JsonObject, where: string, contextBytes: number, bytesMax: number) {
  const bytes = jsonBytes(item);
  if (bytes === undefined) return new AppError("validation_failed", `${where} is nested too deep.`, { field: where });
  return bytes + contextBytes > bytesMax ? tooLarge(where, bytes + contextBytes, bytesMax) : undefined;
}

/** The bytes of a value as JSON; undefined for what is nested so deep that it cannot be written. */
export function jsonBytes(value: Json): number | undefined {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch (error) {
    // JSON.parse reads any depth, JSON.stringify runs out of stack at some 10,000 levels.
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
