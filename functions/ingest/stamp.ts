import type { ReceivedEvent, WireEvent } from "../event/event.ts";

const EARLIEST_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * `timestamp` = received − (sent − original), milliseconds UTC: the client's clock may be wrong, the span between its
 * two readings is not. Without `sentAt` the skew counts as 0, without a time of its own an event happened when it came.
 * A result outside 2000-01-01 … received + 24 h is replaced by `receivedAt`. Never throws. I-08, decision 13d.
 */
export function stamp(event: WireEvent, receivedAt: number): ReceivedEvent {
  const { originalTimestamp, sentAt } = event;
  const happened =
    originalTimestamp === undefined
      ? receivedAt
      : sentAt === undefined
        ? originalTimestamp
        : receivedAt - (sentAt - originalTimestamp);
  const sane = happened >= EARLIEST_MS && happened <= receivedAt + DAY_MS;
  return { ...event, receivedAt, timestamp: sane ? happened : receivedAt };
}
