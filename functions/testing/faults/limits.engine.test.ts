import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { createPublish } from "../../ingest/publish.ts";
import { log } from "../../kit/log.ts";
import { aCheckedEvent } from "../builders.ts";
import type { Tenant } from "../engine-system.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript } from "./schedule.ts";

// One record for each person, so that a call can have more of them than PutRecords takes; and time for a busy machine.
vi.hoisted(() => {
  process.env.ORDER_BUCKETS = "0";
  process.env.PUBLISH_BUDGET_MS = "20000";
});
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

let system: FaultySystem;
let shop: Tenant;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), createScript({}));
  shop = await system.tenant();
});
afterAll(() => system?.close());

const storedOnce = async (ids: readonly string[]) =>
  expect((await system.storedOf(shop, ids)).toSorted()).toEqual(ids.toSorted());
/** Characters of three bytes each, of which no codec makes much less. */
function noise(characters: number): string {
  const bytes = randomBytes(characters * 2);
  const points = Array.from({ length: characters }, (_, at) => 0x4e00 + (bytes.readUInt16LE(at * 2) % 0x5000));
  return points.map((point) => String.fromCodePoint(point)).join("");
}

test("F8 501 records of one request are more than one call, and all are stored", async () => {
  const ids = idsOf(501, "f8");
  const batch = ids.map((id) => anEvent(id, 0, { anonymousId: id }));
  expect((await system.post(shop, "/v1/batch", { batch })).body).toMatchObject({ accepted: 501, rejected: [] });
  const records = (await system.records()).flatMap(({ records }) => records);
  expect(records).toHaveLength(501);
  await storedOnce(ids);
});

test("F8 more bytes at once than a record may have are split, also when nothing of them can be compressed", async () => {
  const ids = idsOf(120, "f8-bytes");
  const requests = Array.from({ length: 12 }, (_, request) =>
    ids
      .slice(request * 10, request * 10 + 10)
      .map((id, n) => anEvent(id, n, { anonymousId: `person ${request % 8}`, properties: { text: noise(30_000) } })),
  );
  const answers = await Promise.all(requests.map((batch) => system.post(shop, "/v1/batch", { batch })));
  expect(answers.map(({ status, body }) => [status, body.accepted])).toEqual(requests.map(() => [200, 10]));
  expect(await system.drainRetries()).toBe(0);
  await storedOnce(ids);
});

test("F8 more bytes at once than a call may have are split into calls that the stream takes", async () => {
  const publish = createPublish({
    ...{ putFrames: system.stores.putFrames, spill: async (puts) => puts.map(() => "refused"), now: Date.now, wait },
    ...{ orderBuckets: 0, budgetMs: 20_000 },
  });
  const ids = idsOf(40, "f8-call");
  const events = ids.map((messageId) =>
    aCheckedEvent({
      messageId,
      anonymousId: messageId,
      originalTimestamp: Date.now(),
      properties: { text: noise(90_000) },
    }),
  );
  // Ten megabytes after their compression: twice what PutRecords takes.
  expect(await publish(shop.workspaceId, events)).toEqual(ids.map(() => "stored"));
  await storedOnce(ids);
});

test("F8 an event over the limit is 413 alone, and one rejected item of a batch, whose others are stored", async () => {
  const large = anEvent("f8-large", 0, { properties: { text: "x".repeat(101 * 1_024) } });
  const alone = await system.post(shop, "/v1/track", large);
  expect([alone.status, alone.body.code]).toEqual([413, "payload_too_large"]);
  expect(alone.body.message).toContain("PAYLOAD_LIMIT_KB");
  const { status, body } = await system.post(shop, "/v1/batch", { batch: [anEvent("f8-a"), large, anEvent("f8-b")] });
  expect(status).toBe(200);
  expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: "payload_too_large" }] });
  await storedOnce(["f8-a", "f8-b"]);
});

test("F8 a batch over the limit is 413 whole, by its own bytes or by what it inflates to, and stores nothing", async () => {
  const batch = idsOf(12, "f8-over").map((id) => anEvent(id, 0, { properties: { text: "y".repeat(95_000) } }));
  for (const gzip of [false, true]) {
    const { status, body } = await system.post(shop, "/v1/batch", { batch }, { gzip });
    expect([status, body.code]).toEqual([413, "payload_too_large"]);
  }
  await storedOnce([]);
  expect((await system.rows(shop)).filter(({ id }) => id.startsWith("f8-over"))).toEqual([]);
});
