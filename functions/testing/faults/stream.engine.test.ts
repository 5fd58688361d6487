import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { stableHash } from "../../event/order-key.ts";
import { log } from "../../kit/log.ts";
import type { Tenant } from "../engine-system.ts";
import type { Fault } from "./faulty.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript, createSwitch } from "./schedule.ts";

// A stream that is throttled for a moment must not look like one that is away because this machine is busy.
vi.hoisted(() => {
  process.env.PUBLISH_BUDGET_MS = "20000";
});
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const schedule = createSwitch();
let system: FaultySystem;
let shop: Tenant;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), schedule);
  shop = await system.tenant();
  await system.post(shop, "/v1/track", anEvent("first"));
});
afterAll(() => system?.close());

const faults = (script: Record<string, readonly (Fault | undefined)[]>) => schedule.to(createScript(script));
const storedOnce = async (ids: readonly string[]) =>
  expect((await system.storedOf(shop, ids)).toSorted()).toEqual(ids.toSorted());
const onStream = async (ids: readonly string[]) => (await system.onStream()).filter(({ id }) => ids.includes(id));
/** Four people whose events lie in four order buckets. */
const PEOPLE = [0, 1, 2, 3].map(
  (bucket) => idsOf(100, "person").find((person) => stableHash(person) % 4 === bucket) ?? "",
);

describe("F1 a stream that throttles k of n", () => {
  test("is given only those again: each event lies on it once, and clean", async () => {
    const ids = idsOf(80, "f1");
    faults({ putFrames: ["partial", "partial", "partial", "fail-before", "partial"] });
    const batch = ids.map((id, n) => anEvent(id, n, { anonymousId: PEOPLE[n % 4] }));
    expect((await system.post(shop, "/v1/batch", { batch })).body).toMatchObject({ accepted: 80, rejected: [] });
    expect(schedule.happened.length).toBeGreaterThan(1);
    const lying = await onStream(ids);
    expect(lying.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(lying.filter(({ suspect }) => suspect)).toEqual([]);
    expect(await system.drainRetries()).toBe(0);
    await storedOnce(ids);
  });
});

describe("F2 while entries of a key fail", () => {
  test("later ones of that key wait, and its order on the stream and in the table is that of its requests", async () => {
    const ids = idsOf(40, "f2");
    faults({
      putFrames: [
        "fail-before",
        "partial",
        "reorder",
        "partial",
        undefined,
        "fail-before",
        "partial",
        "delay",
        "reorder",
      ],
    });
    const sent = ids.map((id, n) => system.post(shop, "/v1/track", anEvent(id, n, { anonymousId: PEOPLE[0] })));
    for (const { status } of await Promise.all(sent)) expect(status).toBe(200);
    // Requests that run at once have no order among themselves; what they were given by their keys and claims they keep.
    const first = (await onStream(ids)).map(({ id }) => id);
    expect(first.toSorted()).toEqual(ids.toSorted());
    const next = idsOf(20, "f2-next");
    faults({ putFrames: next.flatMap(() => ["fail-before", "partial", undefined] as const) });
    for (const [n, id] of next.entries())
      expect((await system.post(shop, "/v1/track", anEvent(id, n, { anonymousId: PEOPLE[0] }))).status).toBe(200);
    await storedOnce([...ids, ...next]);
    const rows = (await system.rows(shop)).filter(({ id }) => next.includes(id));
    expect(rows.map(({ n }) => n)).toEqual(next.map((_, n) => n));
    expect((await system.rows(shop)).map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(first);
  });

  test("others of the call are stored meanwhile, in frames of their own", async () => {
    const ids = idsOf(60, "f2-batch");
    faults({ putFrames: ["partial", "partial", "fail-before", "reorder"] });
    const batch = ids.map((id, n) => anEvent(id, n, { anonymousId: PEOPLE[n % 4] }));
    expect((await system.post(shop, "/v1/batch", { batch })).body).toMatchObject({ accepted: 60 });
    await storedOnce(ids);
    for (const person of PEOPLE) {
      const numbers = (await system.rows(shop)).filter(({ id, key }) => key === person && ids.includes(id));
      expect(numbers.map(({ n }) => n)).toEqual(numbers.map(({ n }) => n).toSorted((a, b) => a - b));
    }
  });
});

describe("F3 a put that was applied and whose answer is lost", () => {
  test("is put again as a suspect, and is one row", async () => {
    faults({ putFrames: ["fail-after-apply"] });
    expect((await system.post(shop, "/v1/track", anEvent("f3"))).status).toBe(200);
    expect(await onStream(["f3"])).toMatchObject([{ suspect: false }, { suspect: true }]);
    await storedOnce(["f3"]);
  });

  test("and is put twice by the network besides, is one row", async () => {
    faults({ putFrames: ["fail-after-apply", "duplicate"] });
    expect((await system.post(shop, "/v1/track", anEvent("f3-twice"))).status).toBe(200);
    await storedOnce(["f3-twice"]);
  });
});

describe("F7 one bad event of a hundred", () => {
  test("is the only one refused, with index, code and field, is a dead letter, and 99 are stored", async () => {
    faults({ putFrames: ["partial"], settleClaims: ["fail-after-apply"] });
    const ids = idsOf(100, "f7");
    const batch = ids.map((id, n) => anEvent(id, n, n === 40 ? { properties: { a: 1, A: 2 } } : {}));
    const { status, body } = await system.post(shop, "/v1/batch", { batch });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      accepted: 99,
      duplicates: 0,
      rejected: [{ index: 40, message_id: "f7-40", code: "flatten_conflict", field: "properties.a" }],
    });
    await storedOnce(ids.filter((id) => id !== "f7-40"));
    expect((await system.letters(shop)).filter((id) => id.startsWith("f7"))).toEqual(["f7-40"]);
  });
});

describe("F28 clocks that are off by a day", () => {
  const DAY = 24 * 60 * 60 * 1_000;
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const timeOf = async (id: string) => {
    const query = `SELECT timestamp, original_timestamp, received_at FROM events
      WHERE workspace_id = {workspaceId: UUID} AND message_id = {id: String}`;
    const query_params = { workspaceId: shop.workspaceId, id };
    const rows = await (await system.clickhouse.query({ query, query_params, format: "JSONEachRow" })).json<
      Record<"timestamp" | "original_timestamp" | "received_at", string | null>
    >();
    expect(rows).toHaveLength(1);
    const ms = (text: string | null | undefined) => (text ? Date.parse(`${text.replace(" ", "T")}Z`) : undefined);
    return {
      timestamp: ms(rows[0]?.timestamp) ?? 0,
      original: ms(rows[0]?.original_timestamp),
      received: ms(rows[0]?.received_at) ?? 0,
    };
  };

  test.each<[string, object, number]>([
    ["ahead", { timestamp: at(DAY), sentAt: at(DAY + 1_000) }, -1_000],
    ["behind, but not too late", { timestamp: at(-DAY + 3_600_000), sentAt: at(-DAY + 3_601_000) }, -1_000],
    ["right, without sentAt", { timestamp: at(-5_000) }, -5_000],
    ["a month ahead, without sentAt", { timestamp: at(31 * DAY) }, 0],
    ["absent", { timestamp: undefined }, 0],
    ["unreadable", { timestamp: "yesterday", sentAt: "today" }, 0],
  ])(
    "%s: the time of the event is sane, and a retry with another sentAt is no second row",
    async (name, times, offMs) => {
      const id = `f28 ${name}`;
      faults({
        settleClaims: ["fail-before"],
        putFrames: ["fail-after-apply", "fail-after-apply"],
        spill: ["fail-before"],
      });
      const event = { ...anEvent(id), ...times };
      const again = "sentAt" in times && times.sentAt !== "today" ? { ...event, sentAt: at(1_000) } : event;
      const first = await system.post(shop, "/v1/track", event);
      // Whatever the first call was told, its client sends it again, later.
      expect([200, 503]).toContain(first.status);
      expect((await system.post(shop, "/v1/track", "sentAt" in times ? again : event)).status).toBe(200);
      await system.settle();
      const { timestamp, original, received } = await timeOf(id);
      expect(Math.abs(timestamp - received - offMs)).toBeLessThan(60_000);
      if ("timestamp" in times && times.timestamp && times.timestamp !== "yesterday")
        expect(original).toBe(Date.parse(times.timestamp as string));
    },
  );
});
