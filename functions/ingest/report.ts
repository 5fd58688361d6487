import type { ReceivedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import type { Call } from "./call.ts";
import { nameOf, rawOf } from "./letters.ts";
import type { Item } from "./parse.ts";
import type { Report } from "./ports.ts";

/** What the live view shows of one event. */
export type LiveEvent = {
  id: string;
  type: string;
  event: string;
  outcome: "accepted" | "duplicate" | "rejected" | "suppressed" | "quarantined";
  code?: string;
  field?: string;
  message?: string;
  warnings?: readonly string[];
};

/** One request in the live view, as the JSON text of a stream's entry. `more` events are not listed. Decision 14b. */
export type LiveEntry = { at: number; request_id: string; call: string; events: LiveEvent[]; more?: number };

/** Of a large batch so many are listed: those that were refused before those that are known, and these before the rest. */
const LISTED_MAX = 200;
/** Characters that they may have together, or made-up names would fill the cache: a view keeps a thousand entries. */
const LISTED_CHARS_MAX = 24_000;

/**
 * What a request came to, for its source's counters and its live view. Counters: one for each kind of outcome, for each
 * code of refusal (`rejected:late_event`) and for each warning (`warning:clock_skew`). B-03, B-06, P-26.
 */
export function reportOf(
  call: Pick<Call, "kind" | "dialect" | "requestId" | "receivedAt">,
  items: readonly Item[],
  outcomes: readonly Outcome<Pick<ReceivedEvent, "warnings">>[],
  shown: boolean,
): Report {
  const counts: Record<string, number> = {};
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const outcome of outcomes) {
    count(outcome.kind === "going" ? "accepted" : outcome.kind);
    if (outcome.kind === "rejected") count(`rejected:${outcome.error.code}`);
    else if (outcome.kind === "going") for (const warning of outcome.event.warnings) count(`warning:${warning}`);
  }
  if (!shown) return { counts, live: undefined };
  const events = eventsListed(items, outcomes, call);
  const entry: LiveEntry = {
    at: call.receivedAt,
    request_id: call.requestId,
    call: call.dialect?.name ?? call.kind,
    events,
  };
  if (events.length < outcomes.length) entry.more = outcomes.length - events.length;
  return { counts, live: JSON.stringify(entry) };
}

/** Those that an entry has room for, in the order of the batch. */
function eventsListed(
  items: readonly Item[],
  outcomes: readonly Outcome<Pick<ReceivedEvent, "warnings">>[],
  call: Pick<Call, "kind" | "dialect">,
): LiveEvent[] {
  const byRank = [...outcomes.entries()].sort(([, a], [, b]) => RANKS[a.kind] - RANKS[b.kind]).slice(0, LISTED_MAX);
  const listed: [place: number, event: LiveEvent][] = [];
  let chars = 0;
  for (const [place, outcome] of byRank) {
    const event = liveEvent(outcome, nameOf(rawOf(items[place]), call));
    chars += charsOf(event);
    if (chars > LISTED_CHARS_MAX) break;
    listed.push([place, event]);
  }
  return listed.sort(([a], [b]) => a - b).map(([, event]) => event);
}

const RANKS = { rejected: 0, quarantined: 0, duplicate: 1, suppressed: 1, going: 2 };

/** About what an event takes in an entry. */
const charsOf = ({ id, type, event, field = "", message = "" }: LiveEvent) =>
  100 + id.length + type.length + event.length + field.length + message.length;

function liveEvent(
  outcome: Outcome<Pick<ReceivedEvent, "warnings">>,
  { type, event }: { type: string; event: string },
): LiveEvent {
  const { messageId: id, kind } = outcome;
  if (kind === "going") {
    const { warnings } = outcome.event;
    return { id, type, event, outcome: "accepted", ...(warnings.length > 0 && { warnings }) };
  }
  if (kind !== "rejected" && kind !== "quarantined") return { id, type, event, outcome: kind };
  const { code, field, message } = outcome.error;
  return { id, type, event, outcome: kind, code, message, ...(field !== undefined && { field }) };
}
