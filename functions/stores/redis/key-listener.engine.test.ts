import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Source } from "../../registry/source.ts";
import { anIsolate } from "../../testing/an-isolate.ts";
import { aSource } from "../../testing/builders.ts";
import { startCache } from "../../testing/start-cache.ts";
import { createGrouped, type Grouped } from "./grouped.ts";
import { createKeyListener } from "./key-listener.ts";
import { createForgetLookup, SOURCE_SECONDS } from "./source-keys.ts";

const ISOLATE_MS = 5_000;
const shop = aSource();
let cache: Awaited<ReturnType<typeof startCache>>;
let redis: Grouped;
let now: number;
let known: Map<string, Source>;
const stops: (() => unknown)[] = [];

beforeEach(async () => {
  cache = await startCache();
  redis = createGrouped({ client: cache.client, now: () => now });
  now = Date.now();
  known = new Map([
    ["shop", shop],
    ["other", shop],
  ]);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await cache.stop();
  vi.restoreAllMocks();
});

const isolate = () => anIsolate({ redis, sourceByLookup: async (lookup) => known.get(lookup) ?? null, now: () => now });
const listen = (sources: { forget: (lookup?: string) => void }, url = cache.url) => {
  const stop = createKeyListener({ url, token: "local", sources, now: () => now });
  stops.push(stop);
  return stop;
};
const forget = (...lookups: string[]) => createForgetLookup({ redis })(lookups);
/** How many listen now. */
const listeners = () => cache.client.publish("keys", "");

describe("who listens", () => {
  test("refuses a revoked key at once, before its own five seconds are over, and keeps the others", async () => {
    const { admit, sources } = isolate();
    listen(sources);
    await vi.waitFor(async () => expect(await listeners()).toBe(1), 10_000);
    for (const lookup of ["shop", "other"]) expect((await admit(lookup, ["a"])).source).toEqual(shop);
    known.clear();
    await forget("shop");
    await vi.waitFor(() => expect(sources.get("shop")).toBeUndefined(), 10_000);
    expect((await admit("shop", ["b"])).source).toBeNull();
    expect((await admit("other", ["b"])).source).toEqual(shop);
  });

  test("sees a key that was just made, although it asked for it in vain a moment ago", async () => {
    const { admit, sources } = isolate();
    listen(sources);
    await vi.waitFor(async () => expect(await listeners()).toBe(1), 10_000);
    expect((await admit("new", ["a"])).source).toBeNull();
    known.set("new", shop);
    await forget("new");
    await vi.waitFor(async () => expect((await admit("new", ["a"])).source).toEqual(shop), 10_000);
  });

  test("hears several lookups of one change, each by itself", async () => {
    const heard: (string | undefined)[] = [];
    listen({ forget: (lookup) => heard.push(lookup) });
    await vi.waitFor(async () => expect(await listeners()).toBe(1), 10_000);
    await forget("a", "domain:shop.example", "site:1");
    await vi.waitFor(() => expect(heard).toContain("site:1"), 10_000);
    expect(heard.filter((lookup) => lookup !== "")).toEqual([undefined, "a", "domain:shop.example", "site:1"]);
  });

  test("forgets everything when its connection was away, since it cannot know what was said", async () => {
    const { admit, sources } = isolate();
    listen(sources);
    await vi.waitFor(async () => expect(await listeners()).toBe(1), 10_000);
    await admit("shop", ["a"]);
    const { port } = new URL(cache.url);
    await cache.stop();
    expect(sources.get("shop")).toEqual(shop);
    cache = await startCache({ port: Number(port) });
    await vi.waitFor(() => expect(sources.get("shop")).toBeUndefined(), 20_000);
  });

  test("that stopped is gone from the cache", async () => {
    const stop = listen({ forget: () => {} });
    await vi.waitFor(async () => expect(await listeners()).toBe(1), 10_000);
    stop();
    await vi.waitFor(async () => expect(await listeners()).toBe(0), 10_000);
  });

  test("and finds no cache does not fail, and hears when there is one", async () => {
    const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
    const { port } = new URL(cache.url);
    await cache.stop();
    const heard: (string | undefined)[] = [];
    listen({ forget: (lookup) => heard.push(lookup) });
    await vi.waitFor(() => expect(warn).toHaveBeenCalled(), 10_000);
    expect(warn.mock.calls[0]?.[1]).toContain("changed keys are noticed after their 5 s");
    cache = await startCache({ port: Number(port) });
    await vi.waitFor(() => expect(heard).toEqual([undefined]), 20_000);
  });
});

describe("whose message was lost", () => {
  test("refuses a revoked key within 65 seconds: 60 in Redis, 5 in the isolate", async () => {
    expect(SOURCE_SECONDS * 1_000 + ISOLATE_MS).toBe(65_000);
    await isolate().admit("shop", ["a"]);
    known.clear();
    // Nothing was deleted and nothing was heard. The last moment at which Redis still names the source:
    expect(await cache.client.ttl("wk:shop")).toBeLessThanOrEqual(SOURCE_SECONDS);
    const late = isolate();
    expect((await late.admit("shop", ["b"])).source).toEqual(shop);
    await cache.client.del("wk:shop");
    now += ISOLATE_MS - 1;
    expect((await late.admit("shop", ["c"])).source).toEqual(shop);
    now += 1;
    expect((await late.admit("shop", ["d"])).source).toBeNull();
  });

  test("does not lengthen its life in Redis by using it", async () => {
    await isolate().admit("shop", ["a"]);
    await cache.client.expire("wk:shop", 7);
    await isolate().admit("shop", ["b"]);
    const { admit } = isolate();
    await admit("shop", ["c"]);
    now += ISOLATE_MS;
    await admit("shop", ["d"]);
    expect(await cache.client.ttl("wk:shop")).toBeLessThanOrEqual(7);
  });
});
