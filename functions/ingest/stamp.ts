import type { Draft, ReceivedEvent, Warning, WireEvent } from "../event/event.ts";
import { isSaneTime } from "../event/sane-time.ts";

/** A client's clock that is further ahead is worth telling; what it says is corrected anyway. */
const SKEW_MS = 5 * 60 * 1_000;

/**
 * `timestamp` = received − (sent − original), milliseconds UTC: the client's clock may be wrong, the span between its
 * two readings is not. Without `sentAt` the skew counts as 0, without a time of its own an event happened when it came.
 * A result outside 2000-01-01 … received + 24 h is replaced by `receivedAt`. Never throws; what is odd becomes a warning.
 * I-08, S-13, decision 13d.
 */
export function stamp(event: WireEvent, receivedAt: number, draft: Draft = {}, cleaned = false): ReceivedEvent {
  const { originalTimestamp, sentAt } = event;
  const happened =
    originalTimestamp === undefined
      ? receivedAt
      : sentAt === undefined
        ? originalTimestamp
        : receivedAt - (sentAt - originalTimestamp);
  const sane = isSaneTime(happened, receivedAt);
  const warnings: Warning[] = [];
  if (originalTimestamp === undefined && isSet(draft.timestamp ?? draft.originalTimestamp))
    warnings.push("bad_timestamp");
  if (sentAt === undefined) {
    if (isSet(draft.sentAt)) warnings.push("bad_sent_at");
  } else if (sentAt > receivedAt + SKEW_MS) warnings.push("clock_skew");
  if (!sane) warnings.push("timestamp_replaced");
  if (cleaned) warnings.push("text_cleaned");
  return {
    ...event,
    receivedAt,
    timestamp: sane ? happened : receivedAt,
    warnings: warnings.length > 0 ? warnings : NONE,
  };
}

const NONE: readonly Warning[] = [];
const isSet = (value: Draft[string] | undefined) => value !== undefined && value !== null;
