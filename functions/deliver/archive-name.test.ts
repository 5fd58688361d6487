import fc from "fast-check";
import { expect, test } from "vitest";
import { HOUR, NOW, seqOf, WORKSPACE } from "../testing/builders.ts";
import {
  type ArchivedRange,
  CORRUPT_FOLDER,
  comparePlaces,
  compareSeq,
  covering,
  folderOf,
  hourFolder,
  hourIn,
  hourOf,
  keysOf,
  rangeOf,
} from "./archive-name.ts";

const SHARD = "shardId-000000000000";
const aRange = (first: number, last: number, fields: Partial<ArchivedRange> = {}): ArchivedRange => ({
  hour: NOW,
  stream: "events",
  shard: SHARD,
  first: seqOf(first),
  last: seqOf(last),
  records: last - first + 1,
  events: 10,
  bytes: 100,
  ...fields,
});

test("an object is named by workspace, hour, shard and the records it holds, its manifest also by its counts", () => {
  const { data, manifest } = keysOf(folderOf(WORKSPACE), aRange(1, 2));
  const stem = `archive/workspace=${WORKSPACE}/hour=2026-11-21T12/events-${SHARD}-${seqOf(1)}-${seqOf(2)}`;
  expect(data).toBe(`${stem}.frames`);
  expect(manifest).toBe(`${stem}.2-10-100.json`);
});

test("a manifest's key says what is in its object, whatever the stream is called; no other key says anything", () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,60}$/);
  const digits = fc.bigInt({ min: 0n, max: 10n ** 56n }).map(String);
  const counts = fc.nat();
  fc.assert(
    fc.property(names, fc.nat(99), digits, digits, counts, counts, (stream, shard, first, last, records, events) => {
      const id = `shardId-${String(shard).padStart(12, "0")}`;
      const range = {
        hour: hourOf(NOW + shard * HOUR),
        stream,
        shard: id,
        first,
        last,
        records,
        events,
        bytes: events,
      };
      for (const folder of [folderOf(WORKSPACE), CORRUPT_FOLDER]) {
        const { data, manifest } = keysOf(folder, range);
        expect(rangeOf(manifest)).toEqual(range);
        expect(rangeOf(data)).toBeUndefined();
      }
    }),
  );
  expect(rangeOf("archive/notes.json")).toBeUndefined();
});

test("an hour is its folder's name, in UTC", () => {
  expect(hourIn(hourFolder(folderOf(WORKSPACE), NOW))).toBe(NOW);
  expect(hourOf(NOW + HOUR - 1)).toBe(NOW);
  expect(hourIn(CORRUPT_FOLDER)).toBeUndefined();
});

test("one workspace's folder is never the start of another's", () => {
  expect(folderOf(WORKSPACE)).toBe(`archive/workspace=${WORKSPACE}/`);
});

test("sequence numbers are ordered as numbers, of 56 digits too", () => {
  expect(compareSeq("9", "10")).toBeLessThan(0);
  expect(compareSeq(seqOf(2), seqOf(1))).toBeGreaterThan(0);
  expect(compareSeq(seqOf(7), seqOf(7))).toBe(0);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 57n }), fc.bigInt({ min: 0n, max: 10n ** 57n }), (a, b) => {
      expect(Math.sign(compareSeq(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

test("an archive is read by hour, then shard by shard, then in the stream's order", () => {
  const place = (hour: number, shard: string, seq: string) => ({ hour, stream: "events", shard, seq });
  const ordered = [place(1, "a", "9"), place(1, "a", "10"), place(1, "b", "1"), place(2, "a", "1")];
  expect(ordered.toReversed().sort(comparePlaces)).toEqual(ordered);
});

test("a range inside another is not read, ranges that overlap are, each shard for itself", () => {
  const other = { shard: "shardId-000000000001" };
  const wide = aRange(1, 10);
  const ranges = [aRange(8, 12), aRange(1, 5), wide, aRange(6, 10), aRange(2, 3, other), aRange(11, 11)];
  expect(covering(ranges)).toEqual([wide, aRange(8, 12), aRange(2, 3, other)]);
  expect(covering([wide, { ...wide }])).toHaveLength(1);
});

test("no record is left out, and every range that is read brings one that those before it have not", () => {
  const cut = fc.tuple(fc.nat(40), fc.nat(12)).map(([from, more]) => aRange(from, from + more));
  const of = ({ first, last }: ArchivedRange) => {
    const [from, to] = [BigInt(first), BigInt(last)];
    return Array.from({ length: Number(to - from) + 1 }, (_, index) => from + BigInt(index));
  };
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 12 }), (ranges) => {
      const kept = covering(ranges);
      expect(new Set(kept.flatMap(of))).toEqual(new Set(ranges.flatMap(of)));
      kept.forEach((range, at) => {
        const before = new Set(kept.slice(0, at).flatMap(of));
        expect(of(range).some((seq) => !before.has(seq))).toBe(true);
      });
    }),
  );
});
