import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import { aCheckedEvent, aFrame, seqOf } from "../testing/builders.ts";
import { byMonth } from "./by-month.ts";
import type { Selected } from "./selected.ts";

const aPiece = (index: number, times: readonly number[]): Selected => ({
  seq: seqOf(index),
  frame: decodeFrame(aFrame(times.map((timestamp, n) => aCheckedEvent({ messageId: `${index}-${n}`, timestamp })))),
  subs: times.map((_, sub) => sub),
});
const idsOf = (pieces: readonly Selected[]) =>
  pieces.flatMap(({ seq, frame, subs }) =>
    valuesOf(frame, "message_id").map((id, place) => `${seq} ${subs[place]} ${id}`),
  );

test("events of one month are one insert, untouched, from its first millisecond to its last", () => {
  const pieces = [aPiece(1, [Date.UTC(2026, 1, 1), Date.UTC(2026, 2, 1) - 1]), aPiece(2, [Date.UTC(2026, 1, 10)])];
  expect(byMonth(pieces)).toEqual([pieces]);
  expect(byMonth(pieces)[0]).toBe(pieces);
});

test("the last millisecond of a month and the first of the next are two inserts", () => {
  const pieces = [aPiece(1, [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 1) - 1])];
  expect(byMonth(pieces).map(idsOf)).toEqual([[`${seqOf(1)} 1 1-1`], [`${seqOf(1)} 0 1-0`]]);
});

test("each event is in one insert, with those of its month only, in the order of the stream", () => {
  const time = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2004, 0, 1) });
  fc.assert(
    fc.property(fc.array(fc.array(time, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }), (times) => {
      const pieces = times.map((own, index) => aPiece(index, own));
      const inserts = byMonth(pieces);
      expect(inserts.flatMap(idsOf).toSorted()).toEqual(idsOf(pieces).toSorted());
      for (const insert of inserts) {
        const ids = idsOf(insert);
        expect(ids).toEqual(idsOf(pieces).filter((id) => ids.includes(id)));
      }
      const months = inserts.map((insert) =>
        insert.flatMap(({ frame }) =>
          valuesOf(frame, "timestamp").map((ms) => new Date(Number(ms)).toISOString().slice(0, 7)),
        ),
      );
      for (const own of months) expect(new Set(own).size).toBe(1);
      expect(months.map(([month]) => month)).toEqual([...new Set(months.flat())].toSorted());
    }),
    { numRuns: 100 },
  );
});
