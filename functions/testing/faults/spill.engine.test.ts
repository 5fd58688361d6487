import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Tenant } from "../engine-system.ts";
import type { Fault } from "./faulty.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript, createSwitch } from "./schedule.ts";

// The budget is over at once, so that a stream that is away shows what comes after it.
vi.hoisted(() => {
  process.env.PUBLISH_BUDGET_MS = "1";
});
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const schedule = createSwitch();
let system: FaultySystem;
let shop: Tenant;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), schedule);
  shop = await system.tenant();
});
afterAll(() => system?.close());

const faults = (script: Record<string, readonly (Fault | undefined)[]>) => schedule.to(createScript(script));
const counts = async () => {
  await system.settle();
  return Object.groupBy(await system.rows(shop), ({ id }) => id);
};

describe("F1 what the stream does not take within the budget", () => {
  test("spills to the queue and is stored once all the same", async () => {
    const ids = idsOf(10, "f1-spilled");
    faults({ putFrames: ["fail-before"] });
    expect((await system.post(shop, "/v1/batch", { batch: ids.map((id) => anEvent(id)) })).status).toBe(200);
    expect(await system.onStream()).toEqual([]);
    const stored = await counts();
    for (const id of ids) expect(stored[id]).toHaveLength(1);
  });

  test("and neither does the queue, for some of it, is 503: what is stored is a duplicate for the retry, the rest is taken", async () => {
    const ids = idsOf(30, "f1-both");
    const batch = ids.map((id, n) => anEvent(id, n, { anonymousId: id }));
    faults({ putFrames: ["partial", "partial"], spill: ["fail-before"] });
    const first = await system.post(shop, "/v1/batch", { batch });
    expect(first.status).toBe(503);
    faults({});
    const again = await system.post(shop, "/v1/batch", { batch });
    expect(again.status).toBe(200);
    const { accepted, duplicates } = again.body as Record<string, number>;
    expect((accepted ?? 0) + (duplicates ?? 0)).toBe(30);
    const stored = await counts();
    for (const id of ids) expect(stored[id]).toHaveLength(1);
  });
});

describe("F2 what spilled", () => {
  test("comes back behind later events of its key: order is promised for what the stream takes within the budget", async () => {
    faults({ putFrames: ["fail-before"] });
    await system.post(shop, "/v1/track", anEvent("f2-early", 1, { anonymousId: "f2" }));
    await system.post(shop, "/v1/track", anEvent("f2-later", 2, { anonymousId: "f2" }));
    await counts();
    const rows = (await system.rows(shop)).filter(({ key }) => key === "f2");
    expect(rows.map(({ id }) => id)).toEqual(["f2-later", "f2-early"]);
    expect(await system.onStream()).toContainEqual(expect.objectContaining({ id: "f2-early", suspect: true }));
  });
});

describe("F3 a put whose answer is lost", () => {
  test("twice, and the spill fails: 503, and the client's retry is one row", async () => {
    faults({ putFrames: ["fail-after-apply", "fail-after-apply"], spill: ["fail-before"] });
    expect((await system.post(shop, "/v1/track", anEvent("f3"))).status).toBe(503);
    const again = await system.post(shop, "/v1/track", anEvent("f3"));
    expect([again.status, again.body.duplicate]).toEqual([200, undefined]);
    expect((await counts()).f3).toHaveLength(1);
  });

  test("and the client never comes back: stored once or not at all", async () => {
    faults({ putFrames: ["fail-after-apply", "fail-after-apply"], spill: ["fail-after-apply"] });
    expect((await system.post(shop, "/v1/track", anEvent("f3-gone"))).status).toBe(503);
    expect((await counts())["f3-gone"]).toHaveLength(1);
    faults({ putFrames: ["fail-before", "fail-before"], spill: ["fail-before"] });
    expect((await system.post(shop, "/v1/track", anEvent("f3-never"))).status).toBe(503);
    expect((await counts())["f3-never"]).toBeUndefined();
  });

  test.each([1, 10_000])("and lands behind its repeat is one row, records read %i at a time", async (batchSize) => {
    const id = `f3-late-${batchSize}`;
    faults({ putFrames: ["hang"] });
    expect((await system.post(shop, "/v1/track", anEvent(id))).status).toBe(200);
    await schedule.heal();
    const lying = (await system.onStream()).filter((one) => one.id === id);
    expect(lying.map(({ suspect }) => suspect).toSorted()).toEqual([false, true]);
    await system.drainStream(batchSize);
    await system.drainStream(batchSize);
    expect((await counts())[id]).toHaveLength(1);
  });
});

describe("F4 when all retries and the spill fail", () => {
  test.each([
    ["/v1/track", anEvent("f4")],
    ["/v1/batch", { batch: [anEvent("f4-a"), anEvent("f4-b"), anEvent("f4-b")] }],
  ])(
    "%s is 503 with Retry-After, its claims are released, and the next retry is accepted as new",
    async (path, body) => {
      faults({ putFrames: ["fail-before"], spill: ["fail-before"] });
      const refused = await system.post(shop, path, body);
      expect([refused.status, refused.body.code]).toEqual([503, "unavailable"]);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
      expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
      const ids = (path === "/v1/track" ? [body] : (body as { batch: object[] }).batch).map(
        (event) => (event as { messageId: string }).messageId,
      );
      const keys = ids.map((id) => `dedup:${shop.workspaceId}:${id}`);
      expect(await system.cache.client.exists(...keys)).toBe(0);
      const again = await system.post(shop, path, body);
      expect(again.status).toBe(200);
      expect(again.body).toMatchObject(path === "/v1/track" ? { success: true } : { accepted: 2, duplicates: 1 });
      // Nothing of the first try is anywhere, so nobody needs to look.
      const lying = (await system.onStream()).filter(({ id }) => ids.includes(id));
      expect(lying.map(({ suspect }) => suspect)).toEqual([...new Set(ids)].map(() => false));
      const stored = await counts();
      for (const id of ids) expect(stored[id]).toHaveLength(1);
    },
  );

  test("with the outcome of a put unknown keeps the claim: the retry is let through as a suspect", async () => {
    faults({ putFrames: ["fail-after-apply", "fail-before"], spill: ["fail-before"] });
    expect((await system.post(shop, "/v1/track", anEvent("f4-unknown"))).status).toBe(503);
    expect(await system.cache.client.get(`dedup:${shop.workspaceId}:f4-unknown`)).toMatch(/^p:/);
    expect((await system.post(shop, "/v1/track", anEvent("f4-unknown"))).body).not.toHaveProperty("duplicate");
    expect((await counts())["f4-unknown"]).toHaveLength(1);
  });

  test("the dead letters' queue too: a refused event is no answer without its record", async () => {
    faults({ reject: ["fail-before"] });
    const bad = { ...anEvent("f4-bad"), event: "" };
    expect((await system.post(shop, "/v1/track", bad)).status).toBe(503);
    expect((await system.post(shop, "/v1/track", bad)).status).toBe(400);
    await system.settle();
    expect((await system.letters(shop)).filter((id) => id === "f4-bad")).toHaveLength(1);
  });
});
