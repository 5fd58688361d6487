import type { ReceivedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import type { Call } from "./call.ts";
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

/** Of a large batch the first are listed, and all that were refused up to as many again. */
const LISTED_MAX = 100;

/**
 * What a request came to, for its source's counters and its live view. Counters: one for each kind of outcome, for each
 * code of refusal (`rejected:late_event`) and for each warning (`warning:clock_skew`). B-03, B-06, P-26.
 */
export function reportOf(
  { kind, requestId, receivedAt }: Pick<Call, "kind" | "requestId" | "receivedAt">,
  outcomes: readonly Outcome<Pick<ReceivedEvent, "type" | "event" | "warnings">>[],
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
  const refused = outcomes.length > LISTED_MAX ? outcomes.slice(LISTED_MAX).filter(isRefused).slice(0, LISTED_MAX) : [];
  const listed = outcomes.length > LISTED_MAX ? [...outcomes.slice(0, LISTED_MAX), ...refused] : outcomes;
  const entry: LiveEntry = { at: receivedAt, request_id: requestId, call: kind, events: listed.map(liveEvent) };
  if (listed.length < outcomes.length) entry.more = outcomes.length - listed.length;
  return { counts, live: JSON.stringify(entry) };
}

const isRefused = ({ kind }: Outcome<unknown>) => kind === "rejected" || kind === "quarantined";

function liveEvent(outcome: Outcome<Pick<ReceivedEvent, "type" | "event" | "warnings">>): LiveEvent {
  const { messageId: id, kind } = outcome;
  if (kind === "going") {
    const { type, event, warnings } = outcome.event;
    return { id, type, event, outcome: "accepted", ...(warnings.length > 0 && { warnings }) };
  }
  if (kind !== "rejected" && kind !== "quarantined") return { id, type: "", event: "", outcome: kind };
  const { code, field, message } = outcome.error;
  return { id, type: "", event: "", outcome: kind, code, message, ...(field !== undefined && { field }) };
}
