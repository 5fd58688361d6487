import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { CheckedEvent } from "../event/event.ts";
import { decodeFrame, isArchived } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import type { Retry } from "../event/retry.ts";
import { log } from "../kit/log.ts";
import { aCheckedEvent, aFrame, aRecord, HOUR, MINUTE, NOW, SOURCE, seqOf, WORKSPACE } from "../testing/builders.ts";
import { createArchive } from "./archive.ts";
import { createArchiveHours } from "./archive-hours.ts";
import { type ArchiveReplayAsked, type ArchiveReplayPorts, createReplayArchive } from "./archive-replay.ts";

log.level = "silent";
vi.setConfig({ testTimeout: 120_000 });
const WITH_TIME = { getRemainingTimeInMillis: () => 60_000 };
const OTHER = "00000000-0000-4000-8000-000000000002";
const OTHER_SOURCE = "00000000-0000-4000-8000-0000000000ab";
const SHARDS = ["shardId-000000000000", "shardId-000000000001"];
const ALL = { from: NOW - 10 * HOUR, to: NOW + 10 * HOUR, dryRun: false };

type Put = { shard?: string | undefined; workspaceId?: string; events: Partial<CheckedEvent>[] };

/** An archive in memory with the writer before it. `sent` is what came to the retry queue. */
function anArchive(ports: Partial<ArchiveReplayPorts> = {}) {
  const objects = new Map<string, Buffer>();
  const sent: Retry[] = [];
  const got: string[] = [];
  const list = {
    keysIn: async (folder: string) => [...objects.keys()].filter((key) => key.startsWith(folder)).sort(),
    foldersIn: async (folder: string) => {
      const below = [...objects.keys()].filter((key) => key.startsWith(folder));
      return [...new Set(below.map((key) => `${folder}${key.slice(folder.length).split("/")[0]}/`))].sort();
    },
  };
  const archive = createArchive({ put: async (key, body) => void objects.set(key, body) });
  const replay = createReplayArchive({
    ...list,
    get: async (key) => {
      got.push(key);
      const object = objects.get(key);
      if (!object) throw new Error(`there is no ${key}`);
      return object;
    },
    sendRetries: async (page) => {
      sent.push(...page);
      return page.map(() => "stored" as const);
    },
    newId: () => "replay-1",
    now: () => NOW,
    orderBuckets: 4,
    ...ports,
  });
  const recordsOf = (puts: readonly Put[]) =>
    puts.map(({ shard = SHARDS[0], workspaceId, events }, index) =>
      aRecord(
        aFrame(
          events.map((event) => aCheckedEvent(event)),
          workspaceId,
        ),
        index,
        shard,
      ),
    );
  return {
    objects,
    sent,
    got,
    hours: createArchiveHours(list),
    /** Archives the records of a batch, all of one shard. */
    keep: async (records: ReturnType<typeof recordsOf>) => {
      expect(await archive({ Records: records }, WITH_TIME)).toEqual({ batchItemFailures: [] });
    },
    recordsOf,
    replay: (asked: Partial<ArchiveReplayAsked> = {}, workspaceId = WORKSPACE) =>
      replay(workspaceId, { ...ALL, ...asked }),
    ids: () =>
      sent.flatMap((retry) =>
        retry.kind === "frame" ? valuesOf(decodeFrame(retry.record), "message_id").map(String) : [],
      ),
  };
}
const ev = (messageId: string, receivedAt = NOW, sourceId = SOURCE) => ({ messageId, receivedAt, sourceId });

describe("a replay from the archive", () => {
  test("sends frames back as they were, to where the door puts them, marked as from the archive", async () => {
    const archive = anArchive();
    const records = archive.recordsOf([{ events: [ev("a"), ev("b")] }, { events: [ev("c")] }]);
    await archive.keep(records);
    expect(await archive.replay()).toEqual({
      replayId: "replay-1",
      events: 3,
      records: 2,
      skipped: 0,
      next: undefined,
    });
    expect(archive.ids()).toEqual(["a", "b", "c"]);
    for (const [index, retry] of archive.sent.entries()) {
      if (retry.kind !== "frame") throw new Error("it is a frame");
      expect(retry.partitionKey).toMatch(new RegExp(`^${WORKSPACE}:[0-3]$`));
      expect(isArchived(retry.record)).toBe(true);
      const was = Buffer.from(records[index]?.kinesis.data ?? "", "base64");
      expect(decodeFrame(retry.record)).toEqual(decodeFrame(was));
    }
  });

  test("writes to no object that it reads", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a")] }]));
    const before = [...archive.objects.values()].map((object) => object.toString("hex"));
    await archive.replay();
    expect([...archive.objects.values()].map((object) => object.toString("hex"))).toEqual(before);
  });

  test("takes each record once, however batches were cut, bisected and repeated, and whatever the call's bounds", async () => {
    const times = fc.integer({ min: -3 * 60, max: 3 * 60 }).map((minutes) => NOW + minutes * MINUTE);
    const puts = fc.array(
      fc.record({
        shard: fc.constantFrom(...SHARDS),
        workspaceId: fc.constantFrom(WORKSPACE, WORKSPACE, OTHER),
        events: fc.array(fc.record({ receivedAt: times, sourceId: fc.constantFrom(SOURCE, OTHER_SOURCE) }), {
          minLength: 1,
          maxLength: 4,
        }),
      }),
      { minLength: 1, maxLength: 30 },
    );
    const cuts = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 12 })), { maxLength: 8 });
    const asked = fc.record({ from: times, to: times, sourceId: fc.option(fc.constant(SOURCE), { nil: undefined }) });
    await fc.assert(
      fc.asyncProperty(puts, cuts, asked, fc.nat(5), async (given, extra, { from, to, sourceId }, slow) => {
        // A clock that runs with each look at it ends some calls early.
        let clock = NOW;
        const archive = anArchive({ now: () => (clock += slow * 1_000) });
        const named = given.map((put, at) => ({
          ...put,
          events: put.events.map((event, sub) => ({ ...event, messageId: `${at}/${sub}` })),
        }));
        for (const shard of SHARDS) {
          const own = archive.recordsOf(named).filter(({ eventID }) => eventID.startsWith(shard));
          for (let at = 0; at < own.length; at += 5) await archive.keep(own.slice(at, at + 5));
          for (const [at, length] of extra) await archive.keep(own.slice(at, at + length));
        }
        let asking: Partial<ArchiveReplayAsked> = { from, to, sourceId };
        let events = 0;
        for (let calls = 0; ; calls++) {
          expect(calls).toBeLessThan(200);
          const done = await archive.replay(asking);
          events += done.events;
          if (!done.next) break;
          asking = { ...asking, after: done.next };
        }
        const wanted = named
          .filter(({ workspaceId }) => workspaceId === WORKSPACE)
          .flatMap((put) => put.events)
          .filter(({ receivedAt }) => receivedAt >= from && receivedAt < to)
          .filter((event) => sourceId === undefined || event.sourceId === sourceId)
          .map(({ messageId }) => messageId);
        expect(archive.ids().toSorted()).toEqual(wanted.toSorted());
        expect(events).toBe(wanted.length);
      }),
      { numRuns: 60 },
    );
  });

  test("ends before 100,000 events are exceeded, and is gone on with where it ended, under its id", async () => {
    const archive = anArchive();
    const many = (name: string) => ({ events: Array.from({ length: 40_000 }, (_, index) => ev(`${name}${index}`)) });
    await archive.keep(archive.recordsOf(["a", "b", "c"].map(many)));
    const first = await archive.replay();
    expect(first).toMatchObject({ events: 80_000, records: 2, next: { replayId: "replay-1", seq: seqOf(1) } });
    const second = await archive.replay({ after: first.next });
    expect(second).toEqual({ replayId: "replay-1", events: 40_000, records: 1, skipped: 0, next: undefined });
    expect(new Set(archive.ids()).size).toBe(120_000);
  });

  test("ends after 15 seconds, however little of what it reads is chosen, and is gone on with there", async () => {
    let clock = NOW;
    const archive = anArchive({ now: () => (clock += 8_000) });
    await archive.keep(archive.recordsOf(["a", "b", "c", "d", "e"].map((id) => ({ events: [ev(id)] }))));
    const first = await archive.replay();
    expect(first.records).toBeLessThan(5);
    expect(first.next).toMatchObject({ seq: seqOf(first.records - 1) });
  });

  test("sends in pages that fit a function's memory, each frame once", async () => {
    const pages: number[] = [];
    const archive = anArchive({
      sendRetries: async (page) => {
        pages.push(page.length);
        return page.map(() => "stored" as const);
      },
    });
    await archive.keep(archive.recordsOf(Array.from({ length: 2_001 }, (_, at) => ({ events: [ev(`${at}`)] }))));
    expect(await archive.replay()).toMatchObject({ records: 2_001 });
    expect(pages).toEqual([2_000, 1]);
  });

  test.each([NOW + MINUTE, NOW])(
    "takes what was received at the start of a range at %i, and nothing of its end",
    async (from) => {
      const archive = anArchive();
      const to = from + MINUTE;
      for (const record of archive.recordsOf([from - 1, from, to - 1, to].map((at) => ({ events: [ev(`${at}`, at)] }))))
        await archive.keep([record]);
      await archive.replay({ from, to });
      expect(archive.ids()).toEqual([`${from}`, `${to - 1}`]);
    },
  );

  test("as a dry run counts what a call would send, and sends nothing", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a"), ev("b")] }]));
    expect(await archive.replay({ dryRun: true })).toMatchObject({ events: 2, records: 1 });
    expect(archive.sent).toEqual([]);
  });

  test.each(["refused", "unknown"] as const)(
    "is unavailable when the queue says %s to a part of it, so that nobody believes it was sent",
    async (result) => {
      const archive = anArchive({ sendRetries: async (page) => page.map((_, at) => (at === 0 ? "stored" : result)) });
      await archive.keep(archive.recordsOf([{ events: [ev("a")] }, { events: [ev("b")] }]));
      await expect(archive.replay()).rejects.toMatchObject({ code: "unavailable", retryAfterSeconds: 5 });
    },
  );

  test("reads nothing of another workspace, and passes over a frame of another that lies in the wrong folder", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a")] }, { workspaceId: OTHER, events: [ev("b")] }]));
    await archive.replay({}, OTHER);
    expect(archive.ids()).toEqual(["b"]);
    expect(archive.got.filter((key) => !key.startsWith(`archive/workspace=${OTHER}/`))).toEqual([]);
    for (const [key, object] of [...archive.objects])
      archive.objects.set(key.replace(OTHER, WORKSPACE).replaceAll(seqOf(1), seqOf(7)), object);
    expect(await archive.replay()).toMatchObject({ events: 1, records: 1, skipped: 1 });
    expect(archive.ids()).toEqual(["b", "a"]);
  });

  test("does not read an object without its manifest, and stops at one that is not whole", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a")] }]));
    const [data = "", manifest = ""] = [...archive.objects.keys()];
    const object = archive.objects.get(data) ?? Buffer.alloc(0);
    archive.objects.set(data, object.subarray(0, 4));
    await expect(archive.replay()).rejects.toThrow(`${data} has 4 bytes`);
    archive.objects.set(data, object);
    archive.objects.delete(manifest);
    expect(await archive.replay()).toMatchObject({ events: 0, records: 0 });
  });

  test("reads no manifest of an hour that is wanted whole", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a")] }]));
    await archive.replay();
    expect(archive.got.map((key) => key.split(".").at(-1))).toEqual(["frames"]);
  });

  test("reads only the manifest of objects that have no event of the source", async () => {
    const archive = anArchive();
    await archive.keep(archive.recordsOf([{ events: [ev("a")] }]));
    expect(await archive.replay({ sourceId: OTHER_SOURCE })).toMatchObject({ events: 0 });
    expect(archive.got.map((key) => key.split(".").at(-1))).toEqual(["json"]);
  });
});

describe("the list of what is archived", () => {
  test("has the hours of the range, the latest first, with what is in them, page by page", async () => {
    const archive = anArchive();
    const hours = [0, 1, 2, 5].map((hour) => NOW - hour * HOUR);
    const records = archive.recordsOf(hours.map((hour, at) => ({ events: [ev(`${at}a`, hour), ev(`${at}b`, hour)] })));
    await archive.keep(records);
    await archive.keep(records.slice(0, 2)); // inside the first: read once, counted once
    const first = await archive.hours(WORKSPACE, { from: NOW - 2 * HOUR, to: NOW + 1, limit: 2 });
    expect(first.hours.map(({ hour }) => hour)).toEqual([NOW, NOW - HOUR]);
    expect(first.hours[0]).toMatchObject({ objects: 1, records: 1, events: 2, bytes: expect.any(Number) });
    const second = await archive.hours(WORKSPACE, { from: NOW - 2 * HOUR, to: NOW + 1, before: first.next, limit: 1 });
    expect(second).toMatchObject({ hours: [{ hour: NOW - 2 * HOUR }], next: undefined });
    expect(await archive.hours(OTHER, { from: 0, to: NOW + HOUR, limit: 10 })).toEqual({ hours: [], next: undefined });
  });
});
