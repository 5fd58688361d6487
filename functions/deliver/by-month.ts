import { everyTime, timesOf } from "../event/frame-times.ts";
import { keep, type Selected } from "./selected.ts";

/**
 * The events of an insert, by the table's partitions (`toYYYYMM(timestamp)`), oldest month first: an insert into one
 * partition is one part, and so there whole or not at all. The very same list where all are of one month, as nearly
 * always. Decision 13d.
 */
export function byMonth(events: readonly Selected[]): (readonly Selected[])[] {
  const [first, last] = span(events);
  if (monthOf(first) === monthOf(last)) return [events];
  const months = new Map<number, Selected[]>();
  for (const piece of events) {
    const times = timesOf(piece.frame);
    for (const month of new Set(times.map(monthOf))) {
      const own = keep(piece, (_, place) => monthOf(times[place] ?? 0) === month);
      months.set(month, [...(months.get(month) ?? []), own]);
    }
  }
  return [...months].toSorted(([a], [b]) => a - b).map(([, own]) => own);
}

function span(events: readonly Selected[]): [first: number, last: number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const reach = (time: number) => {
    if (time < first) first = time;
    if (time > last) last = time;
    return true;
  };
  for (const { frame } of events) everyTime(frame, reach);
  return [first, last];
}

/** Months since year 0, of UTC as the partitions are. */
function monthOf(ms: number): number {
  const time = new Date(ms);
  return time.getUTCFullYear() * 12 + time.getUTCMonth();
}
