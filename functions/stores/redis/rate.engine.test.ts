import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Source } from "../../registry/source.ts";
import { anIsolate } from "../../testing/an-isolate.ts";
import { aSource, DAY, HOUR, NOW } from "../../testing/builders.ts";
import { startCache, startWire } from "../../testing/start-cache.ts";
import { createRedis } from "./client.ts";
import { backdateEpoch } from "./epoch.ts";
import { createGrouped, type Grouped } from "./grouped.ts";

const limited = (windowRequestsMax: number | null, dayEventsMax: number | null, fields: Partial<Source> = {}) =>
  aSource({ limits: { windowRequestsMax, dayEventsMax, own: false }, ...fields });

let cache: Awaited<ReturnType<typeof startCache>>;
let wire: Awaited<ReturnType<typeof startWire>>;
let now: number;
let redis: Grouped;
const sources: Record<string, Source> = {};
const onAway = vi.fn();

beforeAll(async () => {
  cache = await startCache();
});
afterAll(() => cache.stop());
beforeEach(async () => {
  await cache.client.flushdb();
  wire = await startWire(cache.url);
  now = NOW;
  redis = createGrouped({ client: wire.client, now: () => now });
  await backdateEpoch(redis, now - 25 * HOUR);
  wire.trips.length = 0;
  for (const lookup of Object.keys(sources)) delete sources[lookup];
  onAway.mockReset();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await wire.stop();
});

const isolate = (from: Grouped = redis) =>
  anIsolate({ redis: from, sourceByLookup: async (lookup) => sources[lookup] ?? null, now: () => now, onAway });
const rateKeys = async () => (await cache.client.keys("rate:*")).sort();
const ids = (count: number, name = "id") => Array.from({ length: count }, (_, index) => `${name}${index}`);

describe.each(["with Redis", "without Redis"])("%s", (which) => {
  test("what is uncounted takes nothing from its source's rate: a look at whose key it is, and a replay", async () => {
    sources.shop = limited(1, 1);
    const { admit } = isolate();
    if (which === "without Redis") await wire.stop();
    for (const bucket of ["dedup", "dedup:replay"] as const) {
      expect(await admit("shop", [], bucket, true)).toMatchObject({ source: sources.shop, limited: undefined });
      const { claims, rate, limited: met } = await admit("shop", ids(3), bucket, true);
      expect([claims.length, rate, met]).toEqual([3, undefined, undefined]);
    }
    expect((await admit("shop", ["a"])).limited).toBeUndefined();
    expect((await admit("shop", ["b"])).limited).toBe("requests");
    if (which === "with Redis")
      expect(await isolate().admit("shop", ["c"], "dedup:replay", true)).toMatchObject({ limited: undefined });
  });
});

describe("with Redis", () => {
  test("a request within its rate is told what is left, one beyond it has no claims and counts nothing", async () => {
    sources.shop = limited(2, 100);
    const { admit } = isolate();
    expect(await admit("shop", ["a"])).toMatchObject({
      claims: ["fresh"],
      rate: { limit: 2, remaining: 1, resetSeconds: 5, windowSeconds: 5 },
      limited: undefined,
    });
    now += 1_500;
    expect((await admit("shop", ["b"])).rate).toEqual({ limit: 2, remaining: 0, resetSeconds: 5, windowSeconds: 5 });
    now += 1_000;
    expect(await admit("shop", ["c"])).toMatchObject({
      source: sources.shop,
      claims: [],
      rate: { limit: 2, remaining: 0, resetSeconds: 3, windowSeconds: 5 },
      limited: "requests",
    });
    expect(await cache.client.exists(`dedup:${sources.shop.workspaceId}:c`)).toBe(0);
    now += 2_499;
    expect((await admit("shop", ["c"])).limited).toBe("requests");
    now += 1;
    expect(await admit("shop", ["c"])).toMatchObject({ claims: ["fresh"], limited: undefined });
  });

  test("an isolate that does not know the source applies its limits in the same single trip", async () => {
    sources.shop = limited(2, null);
    await isolate().admit("shop", ["a"]);
    wire.trips.length = 0;
    expect((await isolate().admit("shop", ["b"])).rate).toEqual({
      limit: 2,
      remaining: 0,
      resetSeconds: 5,
      windowSeconds: 5,
    });
    expect(await isolate().admit("shop", ["c"])).toMatchObject({
      source: sources.shop,
      claims: [],
      limited: "requests",
    });
    expect(wire.trips).toHaveLength(2);
  });

  test("all sources of a workspace share its window, a source with limits of its own has its own", async () => {
    sources.web = limited(1, 10, { id: "web" });
    sources.app = limited(1, 10, { id: "app" });
    sources.own = { ...limited(1, 10, { id: "own" }), limits: { windowRequestsMax: 1, dayEventsMax: 10, own: true } };
    const { admit } = isolate();
    const met = [];
    for (const lookup of ["web", "app", "own", "own"]) met.push((await admit(lookup, [lookup])).limited);
    expect(met).toEqual([undefined, "requests", undefined, "requests"]);
    const workspace = sources.web.workspaceId;
    expect(await rateKeys()).toEqual(
      [workspace, `${workspace}:day:20261121`, "own", "own:day:20261121"].map((key) => `rate:${key}`).sort(),
    );
  });

  test("a workspace without limits touches no rate keys", async () => {
    sources.shop = limited(null, null);
    for (const { admit } of [isolate(), isolate()]) {
      expect(await admit("shop", ["a"])).toMatchObject({ rate: undefined, limited: undefined });
      expect((await admit("shop", ["a"])).rate).toBeUndefined();
    }
    expect(await rateKeys()).toEqual([]);
  });

  test("a request without ids counts as a request too", async () => {
    sources.shop = limited(2, null);
    const { admit } = isolate();
    expect((await admit("shop", [])).rate?.remaining).toBe(1);
    expect((await admit("shop", [])).rate?.remaining).toBe(0);
    expect((await admit("shop", [])).limited).toBe("requests");
  });

  test("a day's events end at its limit until midnight of UTC, and duplicates are no events", async () => {
    sources.shop = limited(null, 10);
    const { admit, settle } = isolate();
    const first = await admit("shop", [...ids(6), "id0"]);
    await settle(sources.shop, first.requestId, { confirm: ids(6) });
    expect((await admit("shop", ids(10))).claims.filter((claim) => claim === "fresh")).toHaveLength(4);
    expect(await admit("shop", ["new"])).toMatchObject({
      claims: [],
      limited: "events",
      rate: { limit: 10, remaining: 0, resetSeconds: 12 * 3_600, windowSeconds: 86_400 },
    });
    expect((await admit("shop", ids(6))).claims).toEqual(Array(6).fill("duplicate"));
    now += DAY / 2;
    expect(await admit("shop", ["new"])).toMatchObject({ claims: ["fresh"], limited: undefined });
    expect(await rateKeys()).toEqual(
      ["20261121", "20261122"].map((day) => `rate:${sources.shop?.workspaceId}:day:${day}`),
    );
  });

  test("of requests that come at once to many isolates exactly the window's size gets in", async () => {
    sources.shop = limited(25, null);
    const isolates = Array.from({ length: 6 }, () => isolate(createGrouped({ client: cache.client })));
    const answers = await Promise.all(
      isolates.flatMap(({ admit }) => Array.from({ length: 10 }, () => admit("shop", ["a"]))),
    );
    expect(answers.filter(({ limited: met }) => met === undefined)).toHaveLength(25);
    expect(answers.map(({ rate }) => rate?.remaining).sort((a = 0, b = 0) => a - b)).toEqual([
      ...Array(35).fill(0),
      ...Array.from({ length: 25 }, (_, left) => left),
    ]);
  });

  test("an unknown lookup counts nowhere", async () => {
    const { admit } = isolate();
    expect(await admit("nobody", ["a"])).toMatchObject({
      source: null,
      claims: [],
      rate: undefined,
      limited: undefined,
    });
    expect(await rateKeys()).toEqual([]);
  });
});

describe("without Redis", () => {
  const away = () => wire.meddle((request) => Boolean(request.socket.destroy()));

  test("each isolate keeps the rate by itself, with the same limits and the same window", async () => {
    sources.shop = limited(3, 5);
    away();
    const { admit } = isolate();
    const request = async (...names: string[]) => {
      const { claims, rate, limited: met } = await admit("shop", names);
      return [claims.length, rate?.remaining, rate?.resetSeconds, met];
    };
    expect(await request("a", "b")).toEqual([2, 2, 5, undefined]);
    expect(await request("c", "d", "e", "f")).toEqual([0, 0, 12 * 3_600, "events"]);
    expect(await request("c", "d", "d")).toEqual([3, 1, 5, undefined]);
    expect(await request()).toEqual([0, 0, 5, undefined]);
    now += 2_000;
    expect(await request("a")).toEqual([0, 0, 3, "requests"]);
    now += 3_000;
    expect(await request("a")).toEqual([1, 2, 5, undefined]);
    expect((await isolate().admit("shop", ["a"])).rate?.remaining).toBe(2);
  });

  test("nothing is limited where there are no limits", async () => {
    sources.shop = limited(null, null);
    away();
    expect(await isolate().admit("shop", ["a"])).toMatchObject({ claims: ["suspect"], rate: undefined });
  });

  test("every request is told to the counter, the log once a second", async () => {
    sources.shop = limited(null, null);
    const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
    away();
    const { admit, settle } = isolate();
    for (let n = 0; n < 50; n++) {
      const { requestId } = await admit("shop", [`id${n}`]);
      await settle(sources.shop, requestId, { confirm: [`id${n}`] });
    }
    expect(onAway).toHaveBeenCalledTimes(100);
    expect(warn.mock.calls.map(([, message]) => message)).toEqual([
      expect.stringContaining("every event is a suspect"),
      expect.stringContaining("confirmations wait"),
    ]);
    now += 1_000;
    await admit("shop", ["later"]);
    expect(warn).toHaveBeenCalledTimes(3);
  });

  test("I9 what a Redis that refuses the trip is said to have answered quotes no event", async () => {
    sources.shop = limited(null, null);
    const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
    wire.meddle((_, response) => {
      response
        .writeHead(429, { "content-type": "application/json" })
        .end('{"error":"ERR max requests limit exceeded"}');
      return true;
    });
    const { admit, settle } = isolate();
    const { requestId } = await admit("shop", ["canary@example.com"]);
    now += 2_000;
    await settle(sources.shop, requestId, { confirm: ["canary@example.com"] });
    expect(warn.mock.calls).toMatchObject([
      [{ cause: "ERR max requests limit exceeded" }, {}],
      [{ cause: "ERR max requests limit exceeded" }, {}],
    ]);
  });

  test("a Redis that hangs adds one trip's budget, also for who waits behind it and for an unknown source", async () => {
    sources.shop = limited(100, 1_000);
    wire.meddle(() => true);
    const { admit } = isolate(createGrouped({ client: createRedis({ url: wire.url, token: "local" }) }));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => admit("shop", [`id${n}`])));
    expect(answers.every(({ claims, limited: met }) => claims[0] === "suspect" && met === undefined)).toBe(true);
    expect(answers.map(({ rate }) => rate?.remaining).sort((a = 0, b = 0) => a - b)[0]).toBe(50);
    // One trip in all: none of them waited for a second budget, which would not fit the 300 ms of F29.
    expect(wire.trips).toHaveLength(1);
  });
});
