import type { JsonObject } from "../../../functions/event/event.ts";
import { HOUR_MS } from "./calendar.ts";
import { between, chance, pick, type Random } from "./random.ts";

/** What is wrong with an event: `late` and `price_text` are for rules that look beyond one event's own shape. */
export const FLAWS = [
  "late",
  "price_text",
  "no_event",
  "no_ids",
  "wrong_id",
  "wrong_properties",
  "unknown_type",
] as const;
export type Flaw = (typeof FLAWS)[number];

const BROKEN_SHARE = 0.004;
const LATE_SHARE = 0.003;

/**
 * Where an event stands in the demo, 0 at its start to 1 at its end, and the days that it covers. The first events are
 * never broken, so that a property's first type is the right one; late ones happened in the first half of four days or
 * more, so that they were sent long ago and still after they happened.
 */
export type Place = { progress: number; days: number };

/** The flaw that an event gets, if any: some seven in a thousand have one. */
export function someFlaw(random: Random, fields: JsonObject, { progress, days }: Place): Flaw | undefined {
  const broken = chance(random, BROKEN_SHARE);
  const late = chance(random, LATE_SHARE);
  if (broken && progress > 0.05) return pick(random, possible(fields));
  return late && days >= 4 && progress < 0.5 ? "late" : undefined;
}

function possible({ event, properties }: JsonObject): Flaw[] {
  const any: Flaw[] = ["no_ids", "wrong_id", "wrong_properties", "unknown_type"];
  if (event === undefined) return any;
  return properties && "price" in (properties as JsonObject)
    ? [...any, "no_event", "price_text"]
    : [...any, "no_event"];
}

/** The event with its flaw: what a client with a mistake, or one that was offline too long, would send. */
export function withFlaw(random: Random, flaw: Flaw, body: JsonObject, now: number): JsonObject {
  const { event, userId, anonymousId, ...rest } = body;
  switch (flaw) {
    case "late":
      // More than 24 h before it arrives, whenever in the next hours that is.
      return { ...body, sentAt: new Date(Math.round(now - between(random, 25, 34) * HOUR_MS)).toISOString() };
    case "price_text":
      return { ...body, properties: { ...(body.properties as JsonObject), price: "12,50 €" } };
    case "no_event":
      return { ...rest, ...(userId !== undefined && { userId }), ...(anonymousId !== undefined && { anonymousId }) };
    case "no_ids":
      return { ...rest, ...(event !== undefined && { event }) };
    case "wrong_id":
      return { ...body, userId: { id: userId ?? null } };
    case "wrong_properties":
      return { ...body, properties: ["price", 12] };
    case "unknown_type":
      return { ...body, type: "purchase" };
    default:
      return flaw satisfies never;
  }
}
