import { between, createRandom } from "./random.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** How busy a shop in Europe with some customers in America is: each hour of the day in UTC, each day from Sunday. */
const HOURS = [
  0.45, 0.3, 0.2, 0.15, 0.15, 0.25, 0.45, 0.7, 0.9, 1.05, 1.15, 1.2, 1.25, 1.2, 1.15, 1.15, 1.2, 1.3, 1.5, 1.7, 1.75,
  1.55, 1.15, 0.75,
];
const WEEKDAYS = [1.05, 1.15, 1.05, 1, 1, 0.85, 0.75];
/** The last visit begins this long before now, so that there is room for what it does. */
const LAST_START_MS = 300_000;

/** Demo time, 0 to `days` × 24 h, in which traffic is even → the time on the clock, milliseconds UTC. Ascending. */
export type Calendar = (demoMs: number) => number;

/**
 * The rhythm of the week and of the day, and days that are better or worse than usual. Visits are planned in even time
 * and moved here, so that another `now` moves the times and changes nothing else. An even span shrinks to a third of
 * itself at most, in the busiest hour.
 */
export function createCalendar({ now, days, seed }: { now: number; days: number; seed: string }): Calendar {
  const random = createRandom(`${seed}/calendar`);
  const luck = Array.from({ length: days }, () => between(random, 0.85, 1.15));
  const lengthMs = days * DAY_MS;
  const start = now - lengthMs;
  const slots = days * 24;
  const slotMs = (lengthMs - LAST_START_MS) / slots;
  const sums = [0];
  for (let slot = 0; slot < slots; slot++) {
    const busy = (luck[Math.floor(slot / 24)] ?? 1) * busyness(start + (slot + 0.5) * slotMs);
    sums.push((sums[slot] ?? 0) + busy);
  }
  const total = sums[slots] ?? 1;
  return (demoMs) => {
    const share = Math.min(Math.max(demoMs / lengthMs, 0), 1) * total;
    const slot = lastNotAbove(sums, share, slots - 1);
    const from = sums[slot] ?? 0;
    const width = (sums[slot + 1] ?? total) - from;
    return Math.round(start + (slot + (share - from) / width) * slotMs);
  };
}

function busyness(ms: number): number {
  const date = new Date(ms);
  return (HOURS[date.getUTCHours()] ?? 1) * (WEEKDAYS[date.getUTCDay()] ?? 1);
}

function lastNotAbove(sums: readonly number[], share: number, last: number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sums[middle] ?? 0) <= share) low = middle;
    else high = middle - 1;
  }
  return low;
}
