import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { AppError } from "../../kit/errors.ts";
import { lookupOfDomain, lookupOfSite } from "../../registry/lookup.ts";
import type { Source } from "../../registry/source.ts";
import { anIsolate } from "../../testing/an-isolate.ts";
import { aSource, HOUR, WORKSPACE } from "../../testing/builders.ts";
import { startCache, startWire } from "../../testing/start-cache.ts";
import { createRedis } from "./client.ts";
import { backdateEpoch } from "./epoch.ts";
import { createGrouped, type Grouped } from "./grouped.ts";
import { createForgetLookup } from "./source-keys.ts";

const shop = aSource();
const other = aSource({ id: "s2", workspaceId: "00000000-0000-4000-8000-000000000002", name: "Other" });
const hashOf = (key: string) => createHash("sha256").update(key).digest("hex");
const [SHOP, OTHER, NOBODY] = [hashOf("wk_shop"), hashOf("wk_other"), hashOf("wk_guess")];

let cache: Awaited<ReturnType<typeof startCache>>;
let wire: Awaited<ReturnType<typeof startWire>>;
let now: number;
let redis: Grouped;
let sources: Map<string, Source>;
const sourceByLookup = vi.fn(async (lookup: string) => sources.get(lookup) ?? null);
const onAway = vi.fn();

beforeAll(async () => {
  cache = await startCache();
});
afterAll(() => cache.stop());
beforeEach(async () => {
  await cache.client.flushdb();
  wire = await startWire(cache.url);
  now = Date.now();
  redis = createGrouped({ client: wire.client, now: () => now });
  await backdateEpoch(redis, now - 25 * HOUR);
  wire.trips.length = 0;
  sources = new Map([
    [SHOP, shop],
    [OTHER, other],
  ]);
  onAway.mockReset();
  sourceByLookup.mockReset();
  sourceByLookup.mockImplementation(async (lookup) => sources.get(lookup) ?? null);
});
afterEach(() => wire.stop());

const isolate = (from: Grouped = redis) => anIsolate({ redis: from, sourceByLookup, now: () => now, onAway });
const commands = () => wire.trips.map((trip) => trip.map(([name]) => name));
const databaseAway = () => sourceByLookup.mockRejectedValue(new Error("connection refused"));
const redisAway = () => wire.meddle((request) => Boolean(request.socket.destroy()));

describe("claims", () => {
  test("a new id is fresh, a pending one lets the retry through as suspect, a confirmed one is a duplicate", async () => {
    const { admit, settle } = isolate();
    const first = await admit(SHOP, ["a", "b"]);
    expect(first).toMatchObject({ source: shop, claims: ["fresh", "fresh"] });
    const retry = await admit(SHOP, ["a", "c"]);
    expect(retry.claims).toEqual(["suspect", "fresh"]);
    expect(retry.requestId).not.toBe(first.requestId);
    await settle(shop, first.requestId, { confirm: ["a"] });
    expect((await admit(SHOP, ["a", "b", "c"])).claims).toEqual(["duplicate", "suspect", "suspect"]);
  });

  test("a refused id is free again, but only for the request that claimed it", async () => {
    const { admit, settle } = isolate();
    const first = await admit(SHOP, ["a", "b"]);
    const second = await admit(SHOP, ["a"]);
    await settle(shop, second.requestId, { release: ["a"] });
    expect((await admit(SHOP, ["a"])).claims).toEqual(["suspect"]);
    await settle(shop, first.requestId, { confirm: ["b"], release: ["a"] });
    expect((await admit(SHOP, ["a", "b"])).claims).toEqual(["fresh", "duplicate"]);
  });

  test("of an id repeated inside one request the first has the claim, the others are duplicates of it", async () => {
    const { admit } = isolate();
    expect((await admit(SHOP, ["a", "b", "a", "a", "c"])).claims).toEqual([
      "fresh",
      "fresh",
      "duplicate",
      "duplicate",
      "fresh",
    ]);
    expect((await admit(SHOP, ["x", "b", "b"])).claims).toEqual(["fresh", "suspect", "duplicate"]);
  });

  test("workspaces and buckets do not know each other's ids", async () => {
    const { admit, settle } = isolate();
    const { requestId } = await admit(SHOP, ["a"]);
    await settle(shop, requestId, { confirm: ["a"] });
    expect((await admit(OTHER, ["a"])).claims).toEqual(["fresh"]);
    const imported = await admit(SHOP, ["a"], "dedup:import");
    expect(imported.claims).toEqual(["fresh"]);
    expect((await admit(SHOP, ["a"], "dedup:replay")).claims).toEqual(["fresh"]);
    await settle(shop, imported.requestId, { confirm: ["a"] }, "dedup:import");
    expect((await admit(SHOP, ["a"], "dedup:import")).claims).toEqual(["duplicate"]);
    await settle(shop, imported.requestId, { confirm: ["b", "c"], confirmLive: ["c"] }, "dedup:import");
    expect((await admit(SHOP, ["b", "c"])).claims).toEqual(["fresh", "duplicate"]);
    expect((await admit(SHOP, ["a"], "dedup:replay")).claims).toEqual(["suspect"]);
  });

  test.each([
    ["dedup", 1],
    ["dedup:import", 7],
    ["dedup:replay", 7],
  ] as const)("keys are %s:{workspace}:{message_id}, pending and confirmed for %i days", async (bucket, days) => {
    const { admit, settle } = isolate();
    const { requestId } = await admit(SHOP, ["a", "b"], bucket);
    await settle(shop, requestId, { confirm: ["a"] }, bucket);
    const keys = ["a", "b"].map((id) => `${bucket}:${WORKSPACE}:${id}`);
    expect(await cache.client.mget(keys)).toEqual(["c", `p:${requestId}`]);
    for (const key of keys) {
      const seconds = await cache.client.ttl(key);
      expect(seconds).toBeGreaterThan(days * 86_400 - 400);
      expect(seconds).toBeLessThanOrEqual(days * 86_400);
    }
  });

  test("of isolates that race for an id exactly one has it fresh", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `id${index}`);
    const isolates = Array.from({ length: 8 }, () => isolate(createGrouped({ client: cache.client })));
    // Half of them meet the ids in the opposite order.
    const answers = await Promise.all(
      isolates.map(async ({ admit }, index) => {
        const order = index % 2 === 0 ? ids : ids.toReversed();
        const { claims } = await admit(SHOP, order);
        return order.filter((_, at) => claims[at] === "fresh");
      }),
    );
    expect(answers.flat().sort()).toEqual(ids.toSorted());
  });

  test("while Redis is younger than a claim's life every id is a suspect, a duplicate still a duplicate", async () => {
    await cache.client.flushdb();
    const { admit, settle } = isolate();
    const first = await admit(SHOP, ["a"]);
    expect(first.claims).toEqual(["suspect"]);
    await settle(shop, first.requestId, { confirm: ["a"] });
    now += 24 * HOUR - 1;
    expect((await admit(SHOP, ["a", "b"])).claims).toEqual(["duplicate", "suspect"]);
    now += 1;
    expect((await admit(SHOP, ["c"])).claims).toEqual(["fresh"]);
  });

  test("a flushed Redis begins a new epoch, which back-dating ends for a table that holds nothing", async () => {
    const { admit } = isolate();
    expect((await admit(SHOP, ["a"])).claims).toEqual(["fresh"]);
    await cache.client.flushdb();
    expect((await admit(SHOP, ["b"])).claims).toEqual(["suspect"]);
    await backdateEpoch(redis, now - 24 * HOUR);
    expect((await admit(SHOP, ["c"])).claims).toEqual(["fresh"]);
  });
});

describe("lookups", () => {
  test("a key new to Redis costs three trips with the settling, a known one two, whatever the number of ids", async () => {
    const { admit, settle } = isolate();
    const ids = Array.from({ length: 200 }, (_, index) => `id${index}`);
    const { requestId } = await admit(SHOP, ids);
    await settle(shop, requestId, { confirm: ids.slice(0, 150), release: ids.slice(150) });
    // The first EVALSHA meets a Redis that does not know the script yet: a trip more, once in Redis' life.
    const withoutLoads = commands().filter((names) => !names.includes("script"));
    expect(withoutLoads.length).toBeLessThanOrEqual(3);

    wire.trips.length = 0;
    const again = await admit(SHOP, ids);
    await settle(shop, again.requestId, { confirm: ids });
    expect(commands()).toEqual([["evalsha"], ["evalsha"]]);

    wire.trips.length = 0;
    sources = new Map([[SHOP, shop]]);
    await cache.client.del(`wk:${SHOP}`);
    const cold = isolate();
    const { requestId: third } = await cold.admit(SHOP, ids);
    await cold.settle(shop, third, { confirm: ids });
    expect(commands()).toEqual([["evalsha"], ["set", "evalsha"], ["evalsha"]]);
  });

  test("a Redis that lost its scripts is given them again, and the claims are none the worse", async () => {
    const { admit } = isolate();
    await admit(SHOP, ["a"]);
    await cache.client.scriptFlush();
    wire.trips.length = 0;
    expect((await admit(SHOP, ["b"])).claims).toEqual(["fresh"]);
    expect(wire.trips).toHaveLength(2);
  });

  test("an empty batch of a known key makes no trip", async () => {
    const { admit, settle } = isolate();
    await admit(SHOP, []);
    wire.trips.length = 0;
    const { source, requestId, claims } = await admit(SHOP, []);
    await settle(shop, requestId, {});
    expect([source, claims, wire.trips.length]).toEqual([shop, [], 0]);
  });

  test("the database is asked once, then an isolate's own cache and Redis answer; Redis forgets after a minute", async () => {
    await isolate().admit(SHOP, ["a"]);
    const second = isolate();
    expect((await second.admit(SHOP, ["b"])).source).toEqual(shop);
    expect(sourceByLookup).toHaveBeenCalledOnce();
    expect(await cache.client.ttl(`wk:${SHOP}`)).toBeLessThanOrEqual(60);
    expect(await cache.client.ttl(`wk:${SHOP}`)).toBeGreaterThan(0);
    await cache.client.del(`wk:${SHOP}`);
    expect((await second.admit(SHOP, ["c"])).source).toEqual(shop);
    expect(sourceByLookup).toHaveBeenCalledOnce();
  });

  test.each([0, 300])("requests that come together with an unknown key ask a database of %i ms once", async (ms) => {
    sourceByLookup.mockImplementation(
      (lookup) => new Promise((resolve) => setTimeout(resolve, ms, sources.get(lookup) ?? null)),
    );
    const { admit } = isolate();
    await Promise.all(Array.from({ length: 50 }, (_, index) => admit(SHOP, [`id${index}`])));
    expect(sourceByLookup).toHaveBeenCalledOnce();
  });

  test("an unknown key has no source and no claims, and is asked for again after a second", async () => {
    const { admit } = isolate();
    expect(await admit(NOBODY, ["a"])).toMatchObject({ source: null, claims: [] });
    wire.trips.length = 0;
    expect((await admit(NOBODY, ["a"])).source).toBeNull();
    expect([wire.trips.length, sourceByLookup.mock.calls.length]).toEqual([0, 1]);
    sources.set(NOBODY, shop);
    now += 1_000;
    expect((await admit(NOBODY, ["a"])).source).toEqual(shop);
  });

  test("a source is found by key, by domain and by its own id, each with its own entry", async () => {
    const [domain, site] = [lookupOfDomain("Shop.Example"), lookupOfSite(shop.id)];
    for (const lookup of [domain, site]) sources.set(lookup, shop);
    for (const lookup of [SHOP, domain, site]) {
      expect(await isolate().admit(lookup, [lookup])).toMatchObject({ source: shop, claims: ["fresh"] });
      expect(await cache.client.get(`wk:${lookup}`)).toBe(JSON.stringify(shop));
      expect((await isolate().admit(lookup, [lookup])).claims).toEqual(["suspect"]);
    }
    expect(sourceByLookup.mock.calls).toEqual([[SHOP], [domain], [site]]);
  });

  test("a source that another version of the door has cached is read from the database, and cached anew", async () => {
    await cache.client.set(`wk:${SHOP}`, JSON.stringify({ id: "s1", workspaceId: WORKSPACE }));
    expect(await isolate().admit(SHOP, ["a"])).toMatchObject({ source: shop, claims: ["fresh"] });
    expect(await cache.client.get(`wk:${SHOP}`)).toBe(JSON.stringify(shop));
    expect(onAway).not.toHaveBeenCalled();
  });

  test("a revoked key is refused as soon as an isolate's five seconds are over", async () => {
    const { admit } = isolate();
    await admit(SHOP, ["a"]);
    sources.delete(SHOP);
    await createForgetLookup({ redis })([SHOP]);
    now += 4_999;
    expect((await admit(SHOP, ["b"])).source).toEqual(shop);
    now += 1;
    expect((await admit(SHOP, ["c"])).source).toBeNull();
    expect((await isolate().admit(SHOP, ["d"])).source).toBeNull();
  });
});

describe("outages", () => {
  test("without Redis the database decides the key, every id is a suspect, nothing throws", async () => {
    redisAway();
    const { admit, settle } = isolate();
    const answer = await admit(SHOP, ["a", "b", "a"]);
    expect(answer).toMatchObject({ source: shop, claims: ["suspect", "suspect", "duplicate"] });
    await settle(shop, answer.requestId, { confirm: ["a"], release: ["b"] });
    expect((await admit(NOBODY, ["a"])).source).toBeNull();
  });

  test("a Redis that hangs costs one budget in a second, not one a request", async () => {
    const impatient = createRedis({ url: wire.url, token: "local", budgetMs: 100 });
    wire.meddle(() => true);
    const { admit, settle } = isolate(createGrouped({ client: impatient, now: () => now }));
    for (let n = 0; n < 20; n++) {
      const { requestId, claims } = await admit(SHOP, [`id${n}`]);
      expect(claims).toEqual(["suspect"]);
      await settle(shop, requestId, { confirm: [`id${n}`] });
    }
    expect(wire.trips).toHaveLength(1);
  });

  test("without the database a key that Redis has carries on, a key that nobody has is unavailable and never unknown", async () => {
    await isolate().admit(SHOP, ["a"]);
    databaseAway();
    expect(await isolate().admit(SHOP, ["b"])).toMatchObject({ source: shop, claims: ["fresh"] });
    const refused = isolate().admit(OTHER, ["c"]);
    await expect(refused).rejects.toThrow(AppError);
    await expect(refused).rejects.toMatchObject({ code: "unavailable", retryAfterSeconds: 5 });
  });

  test("without both an isolate's own keys carry on for their five seconds, then it is unavailable", async () => {
    const { admit } = isolate();
    await admit(SHOP, ["a"]);
    databaseAway();
    redisAway();
    now += 4_999;
    expect(await admit(SHOP, ["b"])).toMatchObject({ source: shop, claims: ["suspect"] });
    now += 1;
    await expect(admit(SHOP, ["c"])).rejects.toMatchObject({ code: "unavailable" });
    await expect(isolate().admit(SHOP, ["d"])).rejects.toMatchObject({ code: "unavailable" });
  });

  test("a database that comes back answers the next request", async () => {
    const { admit } = isolate();
    databaseAway();
    await expect(admit(SHOP, ["a"])).rejects.toMatchObject({ code: "unavailable" });
    sourceByLookup.mockImplementation(async (lookup) => sources.get(lookup) ?? null);
    expect((await admit(SHOP, ["a"])).source).toEqual(shop);
  });

  test("a Redis that comes back is used again after its second of rest", async () => {
    const { admit } = isolate();
    redisAway();
    expect((await admit(SHOP, ["a"])).claims).toEqual(["suspect"]);
    wire.meddle(() => false);
    now += 1_000;
    expect((await admit(SHOP, ["b"])).claims).toEqual(["fresh"]);
  });

  test("F29 what was stored while Redis was away is a duplicate once it is back: hours later the store looks no clean one up", async () => {
    const { admit, settle } = isolate();
    redisAway();
    for (const [source, key, id, bucket] of [
      [shop, SHOP, "a", "dedup"],
      [other, OTHER, "a", "dedup"],
      [shop, SHOP, "b", "dedup:import"],
    ] as const) {
      const { requestId } = await admit(key, [id], bucket);
      await settle(source, requestId, { confirm: [id] }, bucket);
    }
    wire.meddle(() => false);
    now += 2_000;
    await cache.client.scriptFlush();
    await settle(shop, "next", { confirm: ["c"] });
    expect((await isolate().admit(SHOP, ["a", "b", "c"])).claims).toEqual(["duplicate", "fresh", "duplicate"]);
    expect((await isolate().admit(SHOP, ["b"], "dedup:import")).claims).toEqual(["duplicate"]);
    expect((await isolate().admit(OTHER, ["a"])).claims).toEqual(["duplicate"]);
    wire.trips.length = 0;
    await settle(shop, "after", { confirm: ["d"] });
    expect(commands()).toEqual([["evalsha"]]);
  });

  test("a Redis that refuses the claims is not asked a second time for the same request", async () => {
    wire.meddle((_, response) => Boolean(response.end('[{"error":"OOM command not allowed"}]')));
    expect(await isolate().admit(SHOP, ["a"])).toMatchObject({ source: shop, claims: ["suspect"] });
    expect(wire.trips).toHaveLength(1);
  });

  test("a full Redis makes suspects, and keeps no half of a request's claims", async () => {
    const full = await startCache({ keysMax: 5 });
    try {
      const small = createGrouped({ client: full.client });
      await backdateEpoch(small, now - 25 * HOUR);
      const { admit } = isolate(small);
      expect((await admit(SHOP, ["a"])).claims).toEqual(["fresh"]);
      expect((await admit(SHOP, ["b", "c", "d"])).claims).toEqual(["suspect", "suspect", "suspect"]);
      expect(await full.client.dbsize()).toBe(3);
    } finally {
      await full.stop();
    }
  });
});
