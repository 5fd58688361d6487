import { CONTEXT_COLUMNS, FRAME_COLUMNS } from "./columns.ts";
import type { Json, JsonObject } from "./event.ts";
import type { Frame } from "./frame.ts";
import { type FrameValue, valuesOf } from "./frame-reader.ts";

/**
 * The events of a frame in Segment's shape, in their order, as somebody could send them again: names stay flat, times are
 * ISO 8601. For dead letters only; the way to the table never looks inside a frame.
 */
export function eventsIn(frame: Frame): JsonObject[] {
  const columns = new Map(FRAME_COLUMNS.map(({ name }) => [name, valuesOf(frame, name)]));
  return Array.from({ length: frame.events }, (_, place) => eventOf((name) => columns.get(name)?.[place] ?? null));
}

/** Where Segment's clients have each text. */
const TEXTS: readonly [field: string, column: string][] = [
  ["event", "event"],
  ["userId", "user_id"],
  ["anonymousId", "anonymous_id"],
  ["groupId", "group_id"],
  ["previousId", "previous_id"],
  ["name", "name"],
  ["category", "category"],
];

function eventOf(value: (column: string) => FrameValue): JsonObject {
  const text = (column: string) => String(value(column) ?? "");
  const time = (column: string) => {
    const ms = value(column);
    return ms === null || Math.abs(Number(ms)) > DATE_MS_MAX ? null : new Date(Number(ms)).toISOString();
  };
  const filled = (pairs: readonly (readonly [string, string])[]) =>
    Object.fromEntries(pairs.map(([field, column]) => [field, text(column)]).filter(([, held]) => held !== ""));
  const sentAt = time("sent_at");
  return {
    type: text("type"),
    messageId: text("message_id"),
    ...filled(TEXTS),
    timestamp: time("original_timestamp") ?? time("timestamp"),
    ...(sentAt !== null && { sentAt }),
    properties: jsonOrText(text("properties")),
    traits: jsonOrText(text("traits")),
    context: {
      ...objectOf(jsonOrText(text("context"))),
      ...filled(CONTEXT_COLUMNS.map((path) => [path, `context.${path}`])),
    },
  };
}

/** What a Date can hold. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** What is no JSON is kept as it came: a letter must be made of any event. */
function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

const objectOf = (value: Json): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : { text: value };
