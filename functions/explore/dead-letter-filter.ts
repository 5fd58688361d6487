import * as z from "zod";
import type { SqlPart, SqlValue } from "../kit/query.ts";
import { Instant } from "./instant.ts";

const Text = z.string().max(512);

/** What a letter may be chosen by; all that is given holds. A name that is not here is refused: it would choose too much. */
export const LETTER_FILTER = {
  source_id: z.guid().optional(),
  message_id: Text.optional(),
  type: Text.optional(),
  event: Text.optional(),
  stage: Text.optional(),
  code: Text.optional(),
  field: Text.optional(),
  replay_id: Text.optional(),
  from: Instant.optional(),
  to: Instant.optional(),
};
export const LetterFilter = z.strictObject(LETTER_FILTER);
export type LetterFilter = z.output<typeof LetterFilter>;

const EQUAL = ["message_id", "type", "event", "stage", "code", "field", "replay_id"] as const;

/** A place in the order of refusal, to go on from. */
export type LetterPlace = { rejectedAt: number; id: string };

/** A filter as conditions, each starting with AND. Times are of the refusal: `from` belongs to the range, `to` does not. */
export function letterConditions(filter: LetterFilter, ids?: readonly string[]): SqlPart {
  const values: Record<string, SqlValue> = {};
  const lines: string[] = [];
  const add = (name: string, value: SqlValue | undefined, text: string) => {
    if (value === undefined) return;
    values[name] = value;
    lines.push(`AND ${text}`);
  };
  add("source_id", filter.source_id, "source_id = {source_id: UUID}");
  for (const name of EQUAL) add(name, filter[name], `${name} = {${name}: String}`);
  add("from", filter.from, `rejected_at >= ${TIME("from")}`);
  add("to", filter.to, `rejected_at < ${TIME("to")}`);
  add("ids", ids, "id IN {ids: Array(String)}");
  return { text: lines.join("\n  "), values };
}

/** What comes behind a place, earlier or later. */
export function beyond(place: LetterPlace | undefined, order: "earlier" | "later"): SqlPart {
  if (!place) return { text: "", values: {} };
  const sign = order === "later" ? ">" : "<";
  const time = TIME("after_time");
  return {
    text: `AND rejected_at ${sign}= ${time} AND (rejected_at ${sign} ${time} OR id ${sign} {after_id: String})`,
    values: { after_time: place.rejectedAt, after_id: place.id },
  };
}

const TIME = (name: string) => `fromUnixTimestamp64Milli({${name}: Int64}, 'UTC')`;
