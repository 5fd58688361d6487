import { keepNewest } from "../../kit/keep-newest.ts";
import type { Source } from "../../registry/source.ts";
import { isLimited, type RateAnswer, SLOT_MS, SLOTS, scopeOf } from "./rate.ts";

/** Counts of the window's requests by slot (a ring), and of a day's events. */
type Bucket = { slots: number[]; n: number; head: number; day: number; events: number };

const DAY_MS = 86_400_000;
const BUCKETS_MAX = 10_000;

/**
 * The rate while Redis is away: this isolate's own count with the same limits and the same window. A request beyond a
 * limit counts nothing. F29.
 */
export function createLocalRate(): (source: Source, events: number, nowMs: number) => RateAnswer | undefined {
  const buckets = new Map<string, Bucket>();
  return (source, events, nowMs) => {
    if (!isLimited(source)) return undefined;
    const [slot, day] = [Math.floor(nowMs / SLOT_MS), Math.floor(nowMs / DAY_MS)];
    const bucket = buckets.get(scopeOf(source)) ?? { slots: [], n: 0, head: slot, day, events: 0 };
    slide(bucket, slot);
    if (bucket.day !== day) [bucket.day, bucket.events] = [day, 0];

    const windowMax = source.limits.windowRequestsMax ?? Number.POSITIVE_INFINITY;
    if (bucket.n >= windowMax) return { limited: "requests", left: 0, resetMs: roomInMs(bucket, nowMs) };
    const dayMax = source.limits.dayEventsMax ?? Number.POSITIVE_INFINITY;
    if (events > 0 && bucket.events + events > dayMax) return { limited: "events", left: 0, resetMs: 0 };

    bucket.n++;
    bucket.slots[bucket.head % SLOTS] = (bucket.slots[bucket.head % SLOTS] ?? 0) + 1;
    bucket.events += events;
    keepNewest(buckets, scopeOf(source), bucket, BUCKETS_MAX);
    return { limited: undefined, left: windowMax - bucket.n, resetMs: SLOTS * SLOT_MS };
  };
}

/** Lets the slots go that are behind a window's length; a clock that went back a little counts in the newest slot. */
function slide(bucket: Bucket, slot: number): void {
  if (slot <= bucket.head - SLOTS || slot >= bucket.head + SLOTS) [bucket.slots, bucket.n, bucket.head] = [[], 0, slot];
  while (bucket.head < slot) {
    bucket.head++;
    bucket.n -= bucket.slots[bucket.head % SLOTS] ?? 0;
    bucket.slots[bucket.head % SLOTS] = 0;
  }
}

function roomInMs({ slots, head }: Bucket, nowMs: number): number {
  let first = head - SLOTS + 1;
  while (first < head && !slots[first % SLOTS]) first++;
  return (first + SLOTS) * SLOT_MS - nowMs;
}
