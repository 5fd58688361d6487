import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startCache, startWire } from "../../testing/start-cache.ts";
import { createRedis } from "./client.ts";
import { CommandError, createGrouped, type Grouped, RedisAwayError } from "./grouped.ts";

let cache: Awaited<ReturnType<typeof startCache>>;
let wire: Awaited<ReturnType<typeof startWire>>;
let now: number;
let grouped: Grouped;

beforeAll(async () => {
  cache = await startCache();
});
afterAll(() => cache.stop());
beforeEach(async () => {
  await cache.client.flushdb();
  wire = await startWire(cache.url);
  now = 1_000_000;
  grouped = createGrouped({ client: wire.client, now: () => now });
});
afterEach(() => wire.stop());

const incr = (key: string, characters = 10) => grouped({ characters, add: (pipeline) => pipeline.incr(key) });
const set = (key: string, value: string) => grouped({ characters: 10, add: (pipeline) => pipeline.set(key, value) });

test("calls made while a pipeline is in flight go together in the next, each with its own result", async () => {
  const results = await Promise.all(Array.from({ length: 100 }, (_, index) => incr(`k${index % 10}`)));
  expect(results.flat()).toEqual(Array.from({ length: 100 }, (_, index) => Math.floor(index / 10) + 1));
  expect(wire.trips.map((commands) => commands.length)).toEqual([1, 99]);
});

test("a caller alone is answered at once, in a trip of its own", async () => {
  for (let n = 1; n <= 3; n++) expect(await incr("k")).toEqual([n]);
  expect(wire.trips).toHaveLength(3);
});

test("a failing command fails only its caller, with Redis' code", async () => {
  await set("text", "x");
  const settled = await Promise.allSettled([incr("first"), incr("a"), incr("text"), incr("b")]);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  const failed = settled[2];
  expect(failed?.status === "rejected" && failed.reason).toBeInstanceOf(CommandError);
  expect(failed).toMatchObject({ reason: { code: "ERR" } });
});

test("one caller's commands stay together and in order, with a result each", async () => {
  const three = (key: string) =>
    grouped({ characters: 30, add: (pipeline) => pipeline.set(key, "1").incrby(key, 5).get(key) });
  expect(await Promise.all([incr("x"), three("a"), incr("y"), three("b")])).toEqual([
    [1],
    ["OK", 6, "6"],
    [1],
    ["OK", 6, "6"],
  ]);
  expect(wire.trips.map((commands) => commands.length)).toEqual([1, 7]);
});

test("a pipeline takes 256 callers, or a million characters, and one caller with more goes alone", async () => {
  await Promise.all(Array.from({ length: 600 }, () => incr("k")));
  expect(wire.trips.map((commands) => commands.length)).toEqual([1, 256, 256, 87]);
  wire.trips.length = 0;
  await Promise.all([1, 400_000, 400_000, 400_000, 3_000_000, 1].map((characters) => incr("k", characters)));
  expect(wire.trips.map((commands) => commands.length)).toEqual([1, 2, 1, 1, 1]);
});

test("numeric strings keep their digits", async () => {
  await set("n", "12345678901234567890");
  expect(await grouped({ characters: 1, add: (pipeline) => pipeline.get("n") })).toEqual(["12345678901234567890"]);
});

test("a lost connection is tried once more, at once", async () => {
  wire.meddle((request) => wire.trips.length === 1 && Boolean(request.socket.destroy()));
  expect(await incr("k")).toEqual([1]);
  expect(wire.trips).toHaveLength(2);
});

test("every trip has a budget of its own", async () => {
  const strict = createRedis({ url: cache.url, token: "local", budgetMs: 2_000 });
  expect(await strict.incr("k")).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 2_300));
  expect(await strict.incr("k")).toBe(2);
});

test("a process that stood still itself does not take that for Redis' delay", async () => {
  const strict = createRedis({ url: cache.url, token: "local", budgetMs: 600 });
  await strict.ping();
  const answer = strict.incr("k");
  await new Promise(setImmediate);
  const until = performance.now() + 900;
  while (performance.now() < until);
  expect(await answer).toBe(1);
});

test("a Redis that hangs fails who called and who waits, is left alone for a second, then used again", async () => {
  const impatient = createRedis({ url: wire.url, token: "local", budgetMs: 100 });
  grouped = createGrouped({ client: impatient, now: () => now });
  wire.meddle(() => true);
  const settled = await Promise.allSettled(Array.from({ length: 20 }, () => incr("k")));
  for (const one of settled) expect(one).toMatchObject({ status: "rejected", reason: { name: "RedisAwayError" } });
  expect(wire.trips).toHaveLength(1);

  wire.meddle(() => false);
  now += 999;
  await expect(incr("k")).rejects.toThrow(RedisAwayError);
  expect(wire.trips).toHaveLength(1);

  grouped = createGrouped({ client: wire.client, now: () => now });
  expect(await incr("k")).toEqual([1]);
});

test("after its second of rest a Redis that came back is used again", async () => {
  wire.meddle((_, response) => Boolean(response.writeHead(500).end("{}")));
  await expect(incr("k")).rejects.toThrow(RedisAwayError);
  wire.meddle(() => false);
  now += 999;
  await expect(incr("k")).rejects.toThrow(RedisAwayError);
  now += 1;
  expect(await incr("k")).toEqual([1]);
});

test("who waited long for a turn still gets it: a stall of our own process is not Redis' delay", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  wire.meddle(() => held.then(() => false));
  const first = incr("k");
  const late = incr("late");
  now += 10_000;
  release();
  expect([await first, await late]).toEqual([[1], [1]]);
});
