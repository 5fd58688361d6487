import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { wire } from "../../entry/ingest.ts";
import { log } from "../../kit/log.ts";
import { openStores } from "../../stores/open.ts";
import { sources } from "../../stores/postgres/schema/sources.ts";
import type { Tenant } from "../engine-system.ts";
import { startWire } from "../start-cache.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

let system: FaultySystem;
let line: Awaited<ReturnType<typeof startWire>>;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), createScript({}));
});
afterAll(() => system?.close());
beforeEach(async () => {
  line = await startWire(system.cache.url);
});
afterEach(() => line.stop());

/** A process of the door whose cache is reached over a line that a test may cut. */
const aDoor = (onCacheAway = () => {}) =>
  wire(openStores({ ...system.settings, redis: { url: line.url, token: "local" } }, { onCacheAway }), {
    localMode: true,
  });
type Door = ReturnType<typeof aDoor>;
const send = async (door: Door, { writeKey }: Tenant, id: string) => {
  const headers = { "x-write-key": writeKey };
  const started = performance.now();
  const answer = await door.request("/v1/track", { method: "POST", headers, body: JSON.stringify(anEvent(id)) });
  return { status: answer.status, headers: answer.headers, ms: performance.now() - started };
};
const stored = async (tenant: Pick<Tenant, "workspaceId">) => {
  await system.settle();
  return (await system.rows(tenant)).map(({ id }) => id).toSorted();
};

const OUTAGES: [string, () => void][] = [
  ["down", () => line.meddle((request) => Boolean(request.socket.destroy()))],
  ["5 s slow", () => line.meddle(() => new Promise((resolve) => setTimeout(resolve, 5_000, false).unref()))],
  ["hanging without an error", () => line.meddle(() => true)],
  ["answering nonsense", () => line.meddle((_, response) => Boolean(response.end("<html>bad gateway")))],
  ["refusing everything", () => line.meddle((_, response) => Boolean(response.writeHead(500).end('{"error":"ERR"}')))],
];

describe.each(OUTAGES)("F29 while Redis is %s", (name, cut) => {
  test("events are taken and stored once, and a call costs less than 300 ms more than without a fault", async () => {
    const shop = await system.tenant();
    const [away, door] = [vi.fn(), aDoor(() => away())];
    const healthy: number[] = [];
    for (const id of idsOf(8, `before ${name}`)) healthy.push((await send(door, shop, id)).ms);
    cut();
    const cold: number[] = [];
    const ids = idsOf(12, `during ${name}`);
    for (const id of ids) {
      const { status, ms } = await send(door, shop, id);
      expect(status).toBe(200);
      cold.push(ms);
    }
    expect(away.mock.calls.length).toBeGreaterThanOrEqual(ids.length);
    // One call in a second finds out that Redis is away; the median shows what everybody else pays.
    expect(median(cold) - median(healthy)).toBeLessThan(300);
    // And who finds out pays no more than a trip's budget a round trip, with room for a machine that is busy.
    expect(Math.max(...cold) - Math.max(...healthy)).toBeLessThan(2_000);
    // The client repeats what it was told is stored: without claims the table decides.
    for (const id of ids) expect((await send(door, shop, id)).status).toBe(200);
    expect(await stored(shop)).toEqual([...idsOf(8, `before ${name}`), ...ids].toSorted());
  });
});

test("F29 without Redis the door's own bucket holds the limit: 429 with Retry-After, and room again later", async () => {
  const shop = await system.tenant();
  const limits = { window_requests_max: 10, day_events_max: null };
  await system.database.update(sources).set({ limits }).where(eq(sources.id, shop.sourceId));
  line.meddle(() => true);
  // The window stands still: a slow machine sends as fast as any.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  try {
    const door = aDoor();
    const answers = [];
    for (const id of idsOf(14, "limited")) answers.push(await send(door, shop, id));
    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(200), ...Array(4).fill(429)]);
    expect(Number(answers.at(-1)?.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
    vi.setSystemTime(Date.now() + 5_100);
    expect((await send(door, shop, "later")).status).toBe(200);
  } finally {
    vi.useRealTimers();
  }
});

test("F29 Redis away and the database too: a key that nobody can check is 503 and never 401", async () => {
  const shop = await system.tenant();
  const door = wire(
    openStores({
      ...system.settings,
      redis: { url: line.url, token: "local" },
      postgresUrl: "postgres://nobody@127.0.0.1:9/none",
    }),
    { localMode: true },
  );
  line.meddle(() => true);
  expect((await send(door, shop, "nobody knows")).status).toBe(503);
});

test("F30 a Redis that was flushed lets repeats reach the stream, and a query sees one row of each", async () => {
  const shop = await system.tenant();
  const door = aDoor();
  const ids = idsOf(15, "flushed");
  for (const id of ids) expect((await send(door, shop, id)).status).toBe(200);
  await system.drainStream();
  await system.cache.client.flushall();
  for (const id of ids) expect((await send(door, shop, id)).status).toBe(200);
  const lying = (await system.onStream()).filter(({ id }) => ids.includes(id));
  expect(lying).toHaveLength(30);
  // Its epoch began anew, so that nobody believes a claim of it for a day.
  expect(lying.slice(15).every(({ suspect }) => suspect)).toBe(true);
  expect(await stored(shop)).toEqual(ids.toSorted());
  await system.cache.client.flushall();
  for (const id of ids) await send(aDoor(), shop, id);
  expect(await stored(shop)).toEqual(ids.toSorted());
});

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
