import { expect, test } from "vitest";
import { markArchived } from "../event/frame.ts";
import { aCheckedEvent, aFrame, aRecord, HOUR, NOW, SOURCE, seqOf, WORKSPACE } from "../testing/builders.ts";
import { readRecords } from "./archive-layout.ts";
import { ArchiveManifest } from "./archive-manifest.ts";
import { rangeOf } from "./archive-name.ts";
import { type ArchiveObject, archiveObjectsOf } from "./archive-objects.ts";

const OTHER = "00000000-0000-4000-8000-000000000002";
const at = (receivedAt: number, sourceId = SOURCE) => aCheckedEvent({ receivedAt, sourceId });
const manifestOf = ({ manifest }: ArchiveObject) => ArchiveManifest.parse(JSON.parse(manifest.body.toString()));
const seqsOf = ({ data }: ArchiveObject) => [...readRecords(data.body)].map(({ seq }) => seq);
const folders = (objects: ArchiveObject[]) => objects.map(({ data }) => data.key.split("/").slice(1, 3).join("/"));

test("records are kept as they are, by workspace and hour of receipt, each under its sequence number", () => {
  const [first, second, third] = [aFrame([at(NOW)]), aFrame([at(NOW + 1)], OTHER), aFrame([at(NOW + HOUR)])];
  const objects = archiveObjectsOf([first, second, third].map((frame, index) => aRecord(frame, index)));
  expect(folders(objects)).toEqual([
    `workspace=${WORKSPACE}/hour=2026-11-21T12`,
    `workspace=${OTHER}/hour=2026-11-21T12`,
    `workspace=${WORKSPACE}/hour=2026-11-21T13`,
  ]);
  const kept = objects.flatMap(({ data }) => [...readRecords(data.body)]);
  expect(kept).toEqual([first, second, third].map((record, index) => ({ seq: seqOf(index), record })));
  expect(objects.map((object) => object.first)).toEqual([seqOf(0), seqOf(1), seqOf(2)]);
});

test("the manifest says what is in the object: records, events, bytes, times, sources, shard and ends", () => {
  const more = "00000000-0000-4000-8000-0000000000ab";
  const records = [
    aRecord(aFrame([at(NOW + 5), at(NOW + 2, more), at(NOW + 3)]), 1),
    aRecord(aFrame([at(NOW)], OTHER), 2),
    aRecord(aFrame([at(NOW + 7)]), 3),
  ];
  const [object] = archiveObjectsOf(records);
  expect(object && manifestOf(object)).toEqual({
    version: 1,
    object: object?.data.key,
    workspace_id: WORKSPACE,
    hour: "2026-11-21T12:00:00.000Z",
    stream: "events",
    shard: "shardId-000000000000",
    first_seq: seqOf(1),
    last_seq: seqOf(3),
    records: 2,
    events: 4,
    bytes: object?.data.body.length,
    received_min: "2026-11-21T12:00:00.002Z",
    received_max: "2026-11-21T12:00:00.007Z",
    sources: [SOURCE, more],
  });
  expect(rangeOf(object?.manifest.key ?? "")).toMatchObject({ first: seqOf(1), last: seqOf(3), records: 2, events: 4 });
});

test("a frame whose events lie in several hours is in each of them once, and counts there for its own events", () => {
  const frame = aFrame([at(NOW), at(NOW - HOUR), at(NOW + 1), at(NOW + 2)]);
  const objects = archiveObjectsOf([aRecord(frame, 1)]);
  expect(folders(objects)).toEqual([
    `workspace=${WORKSPACE}/hour=2026-11-21T12`,
    `workspace=${WORKSPACE}/hour=2026-11-21T11`,
  ]);
  expect(objects.map(seqsOf)).toEqual([[seqOf(1)], [seqOf(1)]]);
  expect(objects.map(manifestOf).map(({ events }) => events)).toEqual([3, 1]);
});

test("a record that cannot be read is kept as well, as nobody's, by the hour of its arrival", () => {
  const corrupt = aFrame([at(NOW)]);
  corrupt.writeUInt8(corrupt.readUInt8(20) ^ 1, 20);
  const [good, bad] = archiveObjectsOf([aRecord(aFrame([at(NOW)]), 1), aRecord(corrupt, 2)]);
  expect(bad?.data.key).toBe(
    `archive/corrupt/hour=2026-11-21T12/events-shardId-000000000000-${seqOf(2)}-${seqOf(2)}.frames`,
  );
  expect([...readRecords(bad?.data.body ?? Buffer.alloc(0))]).toEqual([{ seq: seqOf(2), record: corrupt }]);
  expect(bad && manifestOf(bad)).toMatchObject({ workspace_id: null, records: 1, events: 0, sources: [] });
  expect(good && seqsOf(good)).toEqual([seqOf(1)]);
});

test.each([-1, Date.UTC(10_000), 9e15])("a time of %i, which no folder can be named after, holds nobody up", (time) => {
  const objects = archiveObjectsOf([aRecord(aFrame([at(NOW), at(time)]), 1), aRecord(aFrame([at(NOW)]), 2)]);
  expect(objects.map(({ data }) => data.key.split("/")[1])).toEqual(["corrupt", `workspace=${WORKSPACE}`]);
  expect(objects.map(seqsOf)).toEqual([[seqOf(1)], [seqOf(2)]]);
});

test("what comes from the archive is not kept a second time", () => {
  const replayed = aFrame([at(NOW)]);
  markArchived(replayed);
  expect(archiveObjectsOf([aRecord(replayed, 1)])).toEqual([]);
});

test("the same batch makes the very same objects, so that a retry writes nothing anew", () => {
  const batch = () => archiveObjectsOf([1, 2, 3].map((index) => aRecord(aFrame([at(NOW + index * HOUR)]), index)));
  expect(batch()).toEqual(batch());
});
