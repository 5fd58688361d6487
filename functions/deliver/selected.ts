import type { Frame } from "../event/frame.ts";
import { selectEvents } from "../event/select-events.ts";

/** A piece of a chunk with the events that are to be inserted; `subs` are their numbers in the record's frame. */
export type Selected = { seq: string; frame: Frame; subs: readonly number[] };

export const countOf = (events: readonly Selected[]): number => events.reduce((sum, { subs }) => sum + subs.length, 0);

/** `kept` is asked with an event's number in the record's frame and its place among those that are left. */
export function keep(selected: Selected, kept: (sub: number, place: number) => boolean): Selected {
  const places = numbers(selected.subs.length).filter((place) => kept(selected.subs[place] ?? 0, place));
  return {
    ...selected,
    frame: selectEvents(selected.frame, places),
    subs: places.map((place) => selected.subs[place] ?? 0),
  };
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** In two: by records where there are several, else by the events of the one. */
export function halves(events: readonly Selected[]): [Selected[], Selected[]] {
  const middle = Math.ceil(events.length / 2);
  if (events.length > 1) return [events.slice(0, middle), events.slice(middle)];
  return events.reduce<[Selected[], Selected[]]>(
    ([first, second], piece) => {
      const half = Math.ceil(piece.subs.length / 2);
      return [
        [...first, keep(piece, (_, place) => place < half)],
        [...second, keep(piece, (_, place) => place >= half)],
      ];
    },
    [[], []],
  );
}
