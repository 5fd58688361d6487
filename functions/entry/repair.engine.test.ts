import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { log } from "../kit/log.ts";
import { openStores } from "../stores/open.ts";
import { aCheckedEvent, aFrame, SOURCE } from "../testing/builders.ts";
import { aLetter } from "../testing/dead-letters.ts";
import { type EngineSystem, openEngineSystem, type Tenant } from "../testing/engine-system.ts";

log.level = "silent";
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const NOBODY = { workspaceId: "00000000-0000-0000-0000-000000000000" };

let system: EngineSystem;
beforeAll(async () => {
  system = await openEngineSystem(inject("engines"));
});
afterAll(() => system?.close());

/** How often each message id of a workspace is in the table. */
async function stored({ workspaceId }: Pick<Tenant, "workspaceId">): Promise<Record<string, number>> {
  const sql =
    "SELECT message_id AS id, count() AS times FROM events WHERE workspace_id = {workspaceId: UUID} GROUP BY id";
  const answer = await system.clickhouse.query({ query: sql, query_params: { workspaceId }, format: "JSONEachRow" });
  const rows = await answer.json<{ id: string; times: string | number }>();
  return Object.fromEntries(rows.map(({ id, times }) => [id, Number(times)]));
}
const anOrder = (price: unknown, messageId: string = randomUUID()) => ({
  event: "Order Completed",
  anonymousId: "anon-1",
  messageId,
  timestamp: new Date().toISOString(),
  properties: { price },
});
/** A tenant whose orders have a number as price. */
async function aShop(): Promise<Tenant> {
  const tenant = await system.tenant();
  expect((await system.send(tenant, "/v1/track", anOrder(1, "first"))).status).toBe(200);
  return tenant;
}
/** Sends an order that its schema refuses; the id of its dead letter. */
async function refused(tenant: Tenant, messageId: string): Promise<string> {
  const answer = await system.send(tenant, "/v1/track", anOrder("free", messageId));
  expect(answer).toMatchObject({ status: 400, body: { code: "schema_conflict", field: "properties.price" } });
  await system.drainDeadLetters();
  const { body } = await system.ask(tenant, `/dlq?message_id=${messageId}`);
  return body.letters[0].id;
}
const drainAll = async () => {
  await system.drainRetries();
  await system.drainStream();
  await system.drainDeadLetters();
};
const wayOf = async (tenant: Tenant, messageId: string): Promise<string[]> => {
  const { body } = await system.ask(tenant, `/events/${encodeURIComponent(messageId)}/trace`);
  return body.steps.map(({ stage, outcome }: { stage: string; outcome: string }) => `${stage} ${outcome}`);
};

describe("what is refused", () => {
  test("is a dead letter with its cause and what was sent, delivered twice or not", async () => {
    const shop = await aShop();
    const order = anOrder("free", "odd \u0000\ufffe 🎉");
    await system.send(shop, "/v1/track", order);
    await system.drainDeadLetters(2);
    const { body } = await system.ask(shop, "/dlq");
    expect(body.letters).toHaveLength(1);
    expect(body.letters[0]).toMatchObject({
      source_id: shop.sourceId,
      type: "track",
      event: "Order Completed",
      stage: "schema",
      code: "schema_conflict",
      field: "properties.price",
      attempt: 1,
      replays: 0,
    });
    const one = await system.ask(shop, `/dlq/${body.letters[0].id}`);
    expect(JSON.parse(one.body.payload)).toMatchObject({ type: "track", properties: { price: "free" } });
    expect((await system.ask(shop, "/dlq/groups")).body.groups).toMatchObject([
      { code: "schema_conflict", field: "properties.price", letters: 1 },
    ]);
  });

  test("is kept whole when it is too large for a queue", async () => {
    const shop = await system.tenant();
    const payload = JSON.stringify({ text: "é\u0001".repeat(150_000) });
    await system.stores.reject([
      aLetter({ workspaceId: shop.workspaceId, id: "large", payload }),
      aLetter({ workspaceId: shop.workspaceId, id: "small" }),
    ]);
    await system.drainDeadLetters(2);
    expect((await system.ask(shop, "/dlq")).body.letters).toHaveLength(2);
    expect((await system.ask(shop, "/dlq/large")).body.payload).toBe(payload);
  });

  test("behind the stream is nobody's and stored once, however often it is met, and the rest is stored", async () => {
    const shop = await system.tenant();
    const frame = aFrame([aCheckedEvent({ messageId: "beside", sourceId: shop.sourceId })], shop.workspaceId);
    const corrupt = Buffer.from(frame);
    corrupt.writeUInt8((corrupt.at(-1) ?? 0) ^ 1, corrupt.length - 1);
    const before = (await system.ask(NOBODY, "/dlq")).body.letters.length;
    await system.putRecord(corrupt);
    await system.putRecord(frame);
    await system.drainStream();
    await system.drainStream();
    await system.drainDeadLetters();
    await system.drainStream();
    await system.drainDeadLetters();
    const { letters } = (await system.ask(NOBODY, "/dlq")).body;
    expect(letters.length - before).toBe(1);
    expect(letters[0]).toMatchObject({ stage: "decode", code: "corrupt_frame", payload_kind: "record" });
    const { body } = await system.ask(NOBODY, `/dlq/${letters[0].id}`);
    expect(Buffer.from(body.payload, "base64").equals(corrupt)).toBe(true);
    expect((await system.ask(NOBODY, `/dlq/${letters[0].id}/replay`, {})).status).toBe(400);
    expect(await stored(shop)).toEqual({ beside: 1 });
  });

  test("is a fault of ours when the queue is away: nothing passes as kept", async () => {
    const queues = { ...system.settings.queues, endpoint: "http://127.0.0.1:9" };
    const away = openStores({ ...system.settings, queues });
    await expect(away.reject([aLetter()])).rejects.toThrow("1 of 1 dead letters were not taken");
    await expect(away.reject([aLetter({ payload: "x".repeat(300_000) })])).rejects.toThrow("1 of 1");
    expect(await away.spill([{ partitionKey: "k", record: Buffer.alloc(9) }])).toEqual(["refused"]);
    expect(await away.spill([{ partitionKey: "k", record: Buffer.alloc(900_000) }])).toEqual(["refused"]);
  });
});

describe("what was spilled", () => {
  test("reaches the table once, small or large, delivered twice, and put besides", async () => {
    const shop = await system.tenant();
    const frameOf = (messageId: string, bytes: number) => {
      const properties = { noise: Array.from({ length: bytes / 36 }, () => randomUUID()).join("") };
      const event = aCheckedEvent({ messageId, sourceId: shop.sourceId, properties, originalTimestamp: Date.now() });
      return { partitionKey: "k", record: aFrame([event], shop.workspaceId) };
    };
    const [small, large, besides] = [frameOf("small", 360), frameOf("large", 720_000), frameOf("besides", 360)];
    expect(large.record.length).toBeGreaterThan(240_000);
    // Its answer was lost: the put is there, and the spill is a repeat.
    await system.putRecord(Buffer.from(besides.record));
    expect(await system.stores.spill([small, large, besides])).toEqual(["stored", "stored", "stored"]);
    await system.drainRetries(2);
    await system.drainStream();
    expect(await stored(shop)).toEqual({ small: 1, large: 1, besides: 1 });
  });
});

describe("a replay", () => {
  test("of an edited event stores it once, and the letter stays as it was", async () => {
    const shop = await aShop();
    const id = await refused(shop, "edited");
    const before = (await system.ask(shop, `/dlq/${id}`)).body;
    const { status, body } = await system.ask(shop, `/dlq/${id}/replay`, { payload: { ...anOrder(2, "edited") } });
    expect([status, body]).toEqual([202, { replay_id: expect.any(String), count: 1, skipped: 0, truncated: false }]);
    await drainAll();
    expect(await stored(shop)).toEqual({ first: 1, edited: 1 });
    const after = (await system.ask(shop, `/dlq/${id}`)).body;
    const replay = { replay_id: body.replay_id, edited: true, sent: true, at: expect.any(String) };
    expect(after).toEqual({ ...before, replays: [replay] });
    expect((await system.ask(shop, "/dlq")).body.letters).toMatchObject([
      { id, replays: 1, replayed_at: expect.any(String) },
    ]);
    const progress = (await system.ask(shop, `/dlq/replays/${body.replay_id}`)).body;
    expect(progress).toMatchObject({ requested: 1, sent: 1, failed_again: 0 });
    expect(await wayOf(shop, "edited")).toEqual([
      "door rejected",
      "dead_letter dead_lettered",
      "replay replayed",
      "door accepted",
      "table stored",
    ]);
  });

  test("made twice, of the same letter by id and by filter, delivered twice, stores once", async () => {
    const shop = await aShop();
    const id = await refused(shop, "twice");
    const payload = anOrder(3, "twice");
    await system.ask(shop, `/dlq/${id}/replay`, { payload });
    await system.drainRetries(2);
    await system.ask(shop, `/dlq/${id}/replay`, { payload });
    await system.ask(shop, "/dlq/replay", { ids: [id] });
    await drainAll();
    expect(await stored(shop)).toEqual({ first: 1, twice: 1 });
    expect((await system.ask(shop, `/dlq/${id}`)).body.replays).toHaveLength(3);
  });

  test("that fails again, delivered twice, comes back as the next attempt, once, and makes no loop", async () => {
    const shop = await aShop();
    const id = await refused(shop, "stubborn");
    const { body } = await system.ask(shop, `/dlq/${id}/replay`, {});
    await system.drainRetries(2);
    await drainAll();
    const letters = (await system.ask(shop, "/dlq")).body.letters;
    expect(letters.map((one: Record<string, unknown>) => [one.attempt, one.message_id, one.replay_id])).toEqual([
      [2, "stubborn", body.replay_id],
      [1, "stubborn", ""],
    ]);
    expect(await system.drainRetries()).toBe(0);
    expect((await system.ask(shop, `/dlq/replays/${body.replay_id}`)).body).toMatchObject({ sent: 1, failed_again: 1 });
    expect(await stored(shop)).toEqual({ first: 1 });
    await system.ask(shop, `/dlq/${letters[0].id}/replay`, { payload: anOrder(5, "stubborn") });
    await drainAll();
    expect(await stored(shop)).toEqual({ first: 1, stubborn: 1 });
  });

  test("by filter sends what the dry run counted, and nothing else", async () => {
    const shop = await aShop();
    const late = { ...anOrder(1, "late"), sentAt: "2020-01-01T00:00:00.000Z" };
    expect((await system.send(shop, "/v1/track", late)).status).toBe(422);
    for (const id of ["a", "b", "c"]) await refused(shop, id);
    const filter = { code: "late_event" };
    const dry = await system.ask(shop, "/dlq/replay", { filter, dry_run: true });
    expect(dry).toEqual({ status: 200, body: { dry_run: true, count: 1, truncated: false } });
    expect(await system.drainRetries()).toBe(0);
    const { status, body } = await system.ask(shop, "/dlq/replay", { filter });
    expect([status, body.count]).toEqual([202, 1]);
    await drainAll();
    // A replay is never late.
    expect(await stored(shop)).toEqual({ first: 1, late: 1 });
  });

  test("goes through many letters, and all of them are stored once", async () => {
    const shop = await system.tenant();
    const many = Array.from({ length: 700 }, (_, index) => {
      const order = { type: "track", ...anOrder(index, `many-${index}`) };
      const { workspaceId, sourceId } = shop;
      return aLetter({
        workspaceId,
        sourceId,
        id: `l${index}`,
        messageId: order.messageId,
        payload: JSON.stringify(order),
      });
    });
    await system.stores.reject(many);
    await system.drainDeadLetters();
    const { body } = await system.ask(shop, "/dlq/replay", { filter: {} });
    expect(body).toMatchObject({ count: 700, truncated: false });
    await drainAll();
    expect(await stored(shop)).toEqual(Object.fromEntries(many.map(({ messageId }) => [messageId, 1])));
    expect((await system.ask(shop, `/dlq/replays/${body.replay_id}`)).body).toMatchObject({
      requested: 700,
      sent: 700,
      failed_again: 0,
    });
  });

  test.each<[string, string, object, number]>([
    ["without a choice", "/dlq/replay", {}, 400],
    ["with an unknown filter, which would choose all", "/dlq/replay", { filter: { codes: "x" } }, 400],
    ["with no ids", "/dlq/replay", { ids: [] }, 400],
    ["with an event that is no object", "/dlq/x/replay", { payload: [1] }, 400],
    ["of a letter that is not there", "/dlq/x/replay", {}, 404],
  ])("%s is refused", async (_, path, body, status) => {
    expect((await system.ask(await system.tenant(), path, body)).status).toBe(status);
  });
});

test("nothing of another workspace is seen or sent again, by whatever route", async () => {
  const [shop, stranger] = [await aShop(), await system.tenant()];
  const id = await refused(shop, "secret");
  const { body } = await system.ask(shop, `/dlq/${id}/replay`, {});
  await drainAll();
  expect((await system.ask(stranger, "/dlq")).body.letters).toEqual([]);
  expect((await system.ask(stranger, "/dlq?message_id=secret")).body.letters).toEqual([]);
  expect((await system.ask(stranger, "/dlq/groups")).body.groups).toEqual([]);
  expect((await system.ask(stranger, `/dlq/${id}`)).status).toBe(404);
  expect((await system.ask(stranger, `/dlq/replays/${body.replay_id}`)).status).toBe(404);
  expect((await system.ask(stranger, `/dlq/${id}/replay`, {})).status).toBe(404);
  expect((await system.ask(stranger, "/dlq/replay", { ids: [id] })).body).toMatchObject({ count: 0 });
  expect((await system.ask(stranger, "/dlq/replay", { filter: {} })).body).toMatchObject({ count: 0 });
  expect(await system.drainRetries()).toBe(0);
  expect((await system.ask(stranger, "/events/secret/trace")).body).toMatchObject({ found: false, steps: [] });
  expect((await system.ask(stranger, `/live?source_id=${shop.sourceId}`)).status).toBe(404);
});

test("a trace says what happened: accepted, known already, stored; and of an id that never came, nothing", async () => {
  const shop = await system.tenant();
  const order = anOrder(1, "seen");
  await system.send(shop, "/v1/track", order);
  expect(await wayOf(shop, "seen")).toEqual(["door accepted"]);
  await system.send(shop, "/v1/batch", { batch: [{ type: "track", ...order }] });
  await system.drainStream();
  expect(await wayOf(shop, "seen")).toEqual(["door accepted", "table stored", "door duplicate"]);
  expect((await system.ask(shop, "/events/never/trace")).body).toMatchObject({ found: false, complete: true });
  expect((await system.ask(shop, `/events/${"x".repeat(513)}/trace`)).status).toBe(400);
});

test("the live view shows a source's outcomes as they come", async () => {
  const shop = await aShop();
  const headers = { "x-workspace-id": shop.workspaceId };
  const answer = await system.query.request(`/live?source_id=${shop.sourceId}`, { headers });
  await system.send(shop, "/v1/track", anOrder("free", "live-1"));
  const reader = answer.body?.getReader();
  let said = "";
  while (!said.includes("live-1")) said += new TextDecoder().decode((await reader?.read())?.value);
  await reader?.cancel();
  expect(said).toContain('"id":"first"');
  expect(said).toMatch(/"id":"live-1".*"outcome":"rejected","code":"schema_conflict"/);
  const [last] = [...said.matchAll(/^id: (.*)$/gm)].slice(-1);
  const again = await system.query.request(`/live?source_id=${shop.sourceId}&outcome=accepted`, {
    headers: { ...headers, "last-event-id": last?.[1] ?? "" },
  });
  await system.send(shop, "/v1/track", anOrder(7, "live-2"));
  const second = again.body?.getReader();
  said = "";
  while (!said.includes("live-2")) said += new TextDecoder().decode((await second?.read())?.value);
  await second?.cancel();
  expect(said).not.toContain("live-1");
  expect(said).not.toContain('"id":"first"');
});

test("a letter whose source is gone is replayed into nothing", async () => {
  const shop = await system.tenant();
  await system.stores.reject([aLetter({ workspaceId: shop.workspaceId, sourceId: SOURCE, id: "orphan" })]);
  await system.drainDeadLetters();
  expect((await system.ask(shop, "/dlq/orphan/replay", {})).status).toBe(202);
  await drainAll();
  expect(await stored(shop)).toEqual({});
});
