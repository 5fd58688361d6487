import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { anIsolate } from "../../testing/an-isolate.ts";
import { aSource, DAY, NOW } from "../../testing/builders.ts";
import { startCache, startWire } from "../../testing/start-cache.ts";
import { createGrouped, type Grouped } from "./grouped.ts";
import { createCountsOf, createReadLive } from "./live-events.ts";

const shop = aSource();
let cache: Awaited<ReturnType<typeof startCache>>;
let redis: Grouped;
let now: number;

beforeAll(async () => {
  cache = await startCache();
});
afterAll(() => cache.stop());
beforeEach(async () => {
  await cache.client.flushdb();
  redis = createGrouped({ client: cache.client });
  now = NOW;
});

const isolate = (from = redis) => anIsolate({ redis: from, sourceByLookup: async () => shop, now: () => now });
const show = (live: string, source = shop) => isolate().settle(source, "r", { report: { live } });
const count = (counts: Record<string, number>, source = shop) => isolate().settle(source, "r", { report: { counts } });

describe("the live view", () => {
  const readLive = (sourceId: string, afterId: string | undefined, max: number) =>
    createReadLive({ redis })(sourceId, afterId, max);

  test("hands on what was written, oldest first, and takes up behind an id", async () => {
    const entries = [...Array(5).keys()].map((n) =>
      JSON.stringify({ n, text: 'ü "quoted"', big: "12345678901234567890" }),
    );
    for (const entry of entries) await show(entry);
    const all = await readLive(shop.id, undefined, 100);
    expect(all.map(({ entry }) => entry)).toEqual(entries);
    expect((await readLive(shop.id, undefined, 2)).map(({ entry }) => entry)).toEqual(entries.slice(3));
    expect(await readLive(shop.id, all[1]?.id, 100)).toEqual(all.slice(2));
    expect(await readLive(shop.id, all[1]?.id, 2)).toEqual(all.slice(2, 4));
    expect(await readLive(shop.id, all[4]?.id, 100)).toEqual([]);
  });

  test("is each source's own, and empty where nothing was written", async () => {
    await show("1");
    await show("2", aSource({ id: "other" }));
    expect((await readLive("other", undefined, 10)).map(({ entry }) => entry)).toEqual(["2"]);
    expect(await readLive("none", undefined, 10)).toEqual([]);
  });

  test("goes on with the oldest that is left when the id was trimmed away", async () => {
    await show("1");
    await show("2");
    expect((await readLive(shop.id, "1-0", 1)).map(({ entry }) => entry)).toEqual(["1"]);
  });

  test.each(["", "x", "+", "$", "1-0) COUNT", "99999999999999999999-0"])(
    "an id that is none of ours begins with the newest: %j",
    async (id) => {
      await show("1");
      await show("2");
      expect((await readLive(shop.id, id, 1)).map(({ entry }) => entry)).toEqual(["2"]);
    },
  );

  test("keeps about a thousand entries, however many were written", async () => {
    const { settle } = isolate();
    for (let from = 0; from < 1_500; from += 250)
      await Promise.all([...Array(250).keys()].map((n) => settle(shop, "r", { report: { live: String(from + n) } })));
    const kept = await readLive(shop.id, undefined, 5_000);
    expect(kept.length).toBeLessThan(1_200);
    expect(kept.length).toBeGreaterThanOrEqual(1_000);
    expect(kept.at(-1)?.entry).toBe("1499");
  });
});

describe("the counters", () => {
  const countsOf = (sourceIds: string[], days: string[]) => createCountsOf({ redis })(sourceIds, days);

  test("add up by source, day of UTC and name", async () => {
    await count({ accepted: 3, "rejected:late_event": 1 });
    await count({ accepted: 2 });
    await count({ duplicate: 1 }, aSource({ id: "other" }));
    now += DAY;
    await count({ accepted: 7 });
    expect(await countsOf([shop.id, "other"], ["20261121", "20261122"])).toEqual([
      { sourceId: shop.id, day: "20261121", counts: { accepted: 5, "rejected:late_event": 1 } },
      { sourceId: shop.id, day: "20261122", counts: { accepted: 7 } },
      { sourceId: "other", day: "20261121", counts: { duplicate: 1 } },
      { sourceId: "other", day: "20261122", counts: {} },
    ]);
    expect(await countsOf([], ["20261121"])).toEqual([]);
  });

  test("are not lost when many requests end at once", async () => {
    const isolates = [...Array(4).keys()].map(() => isolate(createGrouped({ client: cache.client })));
    await Promise.all(
      isolates.flatMap(({ settle }) =>
        [...Array(25).keys()].map(() => settle(shop, "r", { report: { counts: { accepted: 3 } } })),
      ),
    );
    expect(await countsOf([shop.id], ["20261121"])).toMatchObject([{ counts: { accepted: 300 } }]);
  });
});

test("a request with nothing to say makes no trip, one with anything makes one", async () => {
  const wire = await startWire(cache.url);
  const { settle } = isolate(createGrouped({ client: wire.client }));
  await settle(shop, "r", {});
  expect(wire.trips).toHaveLength(0);
  await settle(shop, "r", { confirm: ["a"], release: ["b"], report: { live: "{}", counts: { accepted: 1 } } });
  expect(wire.trips.filter((trip) => trip.every(([name]) => name === "evalsha"))).toHaveLength(1);
  wire.trips.length = 0;
  for (const ended of [
    { confirm: ["a"] },
    { release: ["a"] },
    { report: { live: "1" } },
    { report: { counts: { a: 1 } } },
  ])
    await settle(shop, "r", ended);
  expect(wire.trips).toHaveLength(4);
  await wire.stop();
});

test("without Redis a report is lost in peace, and who reads is told to ask again", async () => {
  const wire = await startWire(cache.url);
  wire.meddle((request) => Boolean(request.socket.destroy()));
  const gone = createGrouped({ client: wire.client });
  await isolate(gone).settle(shop, "r", { report: { live: "1", counts: { accepted: 1 } } });
  const unavailable = { code: "unavailable", retryAfterSeconds: 5 };
  await expect(createReadLive({ redis: gone })(shop.id, undefined, 1)).rejects.toMatchObject(unavailable);
  await expect(createCountsOf({ redis: gone })([shop.id], ["20261121"])).rejects.toMatchObject(unavailable);
  await wire.stop();
});
