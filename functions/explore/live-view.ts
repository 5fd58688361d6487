import * as z from "zod";
import { EVENT_TYPES } from "../event/event.ts";
import type { LiveEvent, LiveEntry as LiveRequest } from "../ingest/report.ts";
import type { LiveEntry } from "./live-events.ts";

const OUTCOMES = ["accepted", "duplicate", "rejected", "suppressed", "quarantined"] as const;

/** The query string of `GET /live`. */
export const LiveAsked = z.strictObject({
  source_id: z.guid(),
  outcome: z.enum(OUTCOMES, { error: `an outcome is one of ${OUTCOMES.join(", ")}` }).optional(),
  type: z.enum(EVENT_TYPES, { error: `a type is one of ${EVENT_TYPES.join(", ")}` }).optional(),
});
export type LiveAsked = z.output<typeof LiveAsked>;

/** What the view begins with. */
export const LIVE_EVENTS_MAX = 1_000;

/** The last entries that have 1,000 events together, the oldest first. B-03. */
export function latest(entries: readonly LiveEntry[]): readonly LiveEntry[] {
  let events = 0;
  let from = entries.length;
  while (from > 0 && events < LIVE_EVENTS_MAX) {
    from--;
    events += requestOf(entries[from]?.entry ?? "{}").events.length;
  }
  return entries.slice(from);
}

/** A request with those of its events that the filter wants, each that was not taken with why; undefined when there is none. */
export function shown(entry: LiveEntry, { outcome, type }: LiveAsked): LiveRequest | undefined {
  const request = requestOf(entry.entry);
  const events = request.events
    .filter(
      (event) => (outcome === undefined || event.outcome === outcome) && (type === undefined || event.type === type),
    )
    .map((event) => ({ ...MESSAGES[event.outcome], ...event }));
  return events.length === 0 ? undefined : { ...request, events };
}

/** The door says why it refused; what it answers with success needs no words there, and a thousand entries no copies of them. */
const MESSAGES: Partial<Record<LiveEvent["outcome"], Pick<LiveEvent, "message">>> = {
  duplicate: {
    message:
      "An event with this id came within the last 24 hours. It was answered with success and is not stored again.",
  },
  suppressed: {
    message:
      "Its person is on the list of those who do not want to be known. It was answered with success and is not stored.",
  },
};

/** Whether its door left events of a large batch out: `more` is the last of an entry. */
export const isCut = (entry: string): boolean => /,"more":\d+\}$/.test(entry);

/** An entry as its door wrote it. Throws on a text that is none of ours. */
export const requestOf = (entry: string): LiveRequest => JSON.parse(entry) as LiveRequest;
