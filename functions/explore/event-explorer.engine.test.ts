import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import type { CheckedEvent } from "../event/event.ts";
import { createRunQuery } from "../stores/clickhouse/run-query.ts";
import { aCheckedEvent, DAY, HOUR, iso, MINUTE, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { storeEvents } from "../testing/stored-events.ts";
import { type Ask, createAsk } from "./ask.ts";
import { EventsBody, eventExplorer } from "./event-explorer.ts";

const OTHER_WORKSPACE = "00000000-0000-4000-8000-000000000002";
/** Each page is a query of its own, and the machine may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let warehouse: FreshClickHouse;
let ask: Ask;

beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  ask = createAsk({ runQuery: createRunQuery(warehouse.client), now: () => NOW, log: { info: () => {} } });
});
afterAll(() => warehouse?.drop());

const page = (body: object, workspaceId = WORKSPACE) =>
  ask(eventExplorer, workspaceId, EventsBody.parse({ table: "events_track", ...body }));
const idsOf = ({ rows }: { rows: object[] }) => rows.map((row) => (row as { message_id: string }).message_id);
const at = (messageId: string, timestamp: number, fields: Partial<CheckedEvent> = {}) =>
  aCheckedEvent({ messageId, timestamp, ...fields });

test("a row comes back as its client sent it: whole objects, numbers as numbers, times in UTC", async () => {
  const properties = {
    price: 12.5,
    quantity: 3,
    big: 9_007_199_254_740_991,
    negative: -0.25,
    paid: true,
    note: "12",
    day: "2026-01-01",
    moment: "2026-01-01T00:00:00Z",
    tags: ["a", "b"],
    mixed: [1, "1", true, 1.5],
    flags: [true, 1],
    lines: [{ sku: "x.1", "a.b": 1, n: { deep: [1] } }],
    none: [],
    "1st": "ключ 価格 🎉 'quoted' \"twice\" back\\slash\ttab",
  };
  await storeEvents(warehouse.client, [
    at("whole", NOW - 40 * DAY, {
      event: "Order Completed",
      userId: "u1",
      properties,
      traits: { plan: "pro" },
      context: { page_url: "https://shop.example/a?b=1", screen_width: 1_920, ip: null },
      sentAt: undefined,
      originalTimestamp: NOW - 40 * DAY - 1,
    }),
  ]);
  const { rows, next_cursor } = await page({ from: iso(NOW - 41 * DAY), to: iso(NOW - 39 * DAY) });
  expect(next_cursor).toBeNull();
  expect(rows).toEqual([
    {
      warnings: [],
      workspace_id: WORKSPACE,
      source_id: SOURCE,
      message_id: "whole",
      type: "track",
      event: "Order Completed",
      user_id: "u1",
      anonymous_id: "anon-1",
      group_id: "",
      previous_id: "",
      name: "",
      category: "",
      timestamp: iso(NOW - 40 * DAY),
      original_timestamp: iso(NOW - 40 * DAY - 1),
      sent_at: null,
      received_at: iso(NOW),
      properties,
      traits: { plan: "pro" },
      context: { page_url: "https://shop.example/a?b=1", screen_width: 1_920 },
    },
  ]);
});

test("an integer beyond 64 bits, written as a double, comes back as that double", async () => {
  await storeEvents(warehouse.client, [
    at("double", NOW - 50 * DAY, { properties: { n: 1e300, m: 2 ** 63, k: 1e18 } }),
  ]);
  const { rows } = await page({ from: iso(NOW - 51 * DAY), to: iso(NOW - 49 * DAY) });
  expect(rows[0]?.properties).toEqual({ n: 1e300, m: 2 ** 63, k: 1e18 });
});

test("pages follow each other without a gap or a repeat, in both orders, also where times are equal", async () => {
  const start = NOW - 60 * DAY;
  const stored = Array.from({ length: 23 }, (_, index) => at(`p${index}`, start + Math.floor(index / 5) * MINUTE));
  await storeEvents(warehouse.client, stored);
  const expected = stored
    .map(({ messageId, timestamp }) => ({ messageId, timestamp }))
    .sort((a, b) => a.timestamp - b.timestamp || (a.messageId < b.messageId ? -1 : 1))
    .map(({ messageId }) => messageId);
  for (const order of ["asc", "desc"] as const) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const body = { from: iso(start), to: iso(start + DAY), limit: 5, order, cursor };
      const answer: Awaited<ReturnType<typeof page>> = await page(body);
      seen.push(...idsOf(answer));
      cursor = answer.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(order === "asc" ? expected : expected.toReversed());
  }
});

test("events that arrive between two pages neither repeat nor hide others", async () => {
  const start = NOW - 70 * DAY;
  const range = { from: iso(start), to: iso(start + DAY), limit: 3 };
  await storeEvents(
    warehouse.client,
    [1, 2, 3, 4, 5, 6].map((hour) => at(`s${hour}`, start + hour * HOUR)),
  );
  const first = await page(range);
  await storeEvents(warehouse.client, [at("newer", start + 7 * HOUR), at("s4-twin", start + 4 * HOUR)]);
  const second = await page({ ...range, cursor: first.next_cursor });
  expect(idsOf(first)).toEqual(["s6", "s5", "s4"]);
  expect(idsOf(second)).toEqual(["s3", "s2", "s1"]);
});

test("a table holds its type only, and `events` all of them", async () => {
  const time = NOW - 80 * DAY;
  const types = ["track", "identify", "page", "screen", "group", "alias"] as const;
  await storeEvents(
    warehouse.client,
    types.map((type, index) => at(`t-${type}`, time + index, { type })),
  );
  const range = { from: iso(time), to: iso(time + HOUR), order: "asc" };
  for (const type of types) expect(idsOf(await page({ ...range, table: `events_${type}` }))).toEqual([`t-${type}`]);
  expect(idsOf(await page({ ...range, table: "events" }))).toEqual(types.map((type) => `t-${type}`));
});

test("without a range it shows the last seven days", async () => {
  const workspace = "00000000-0000-4000-8000-000000000007";
  await storeEvents(warehouse.client, [at("in", NOW - 6 * DAY), at("out", NOW - 8 * DAY), at("next", NOW)], workspace);
  expect(idsOf(await page({}, workspace))).toEqual(["in"]);
});

test("the end of a range is not part of it, its start is", async () => {
  const time = NOW - 90 * DAY;
  await storeEvents(warehouse.client, [at("e0", time), at("e1", time + 1), at("e2", time + 2)]);
  expect(idsOf(await page({ from: iso(time), to: iso(time + 2), order: "asc" }))).toEqual(["e0", "e1"]);
});

test("nothing of another workspace shows, whatever the filter", async () => {
  const time = NOW - 100 * DAY;
  const range = { table: "events", from: iso(time - DAY), to: iso(time + DAY), limit: 1_000 };
  const secret = { messageId: "b-secret", userId: "b-user", properties: { secret: "b" } };
  await storeEvents(warehouse.client, [at("b-secret", time, secret)], OTHER_WORKSPACE);
  await storeEvents(warehouse.client, [at("a-own", time, { userId: "a-user", properties: { secret: "a" } })]);
  const filters = [
    [],
    [{ field: "message_id", op: "eq", value: "b-secret" }],
    [{ field: "message_id", op: "neq", value: "a-own" }],
    [{ field: "properties.secret", op: "in", value: ["b"] }],
    [{ field: "properties.secret", op: "not_in", value: ["a"] }],
    [{ field: "properties.secret", op: "not_exists" }],
    [{ field: "user_id", op: "contains", value: "user" }],
    [{ field: "user_id", op: "contains", value: "' OR 1=1 OR workspace_id != '" }],
    [{ field: "properties.secret", op: "eq", value: `') OR workspace_id = toUUID('${OTHER_WORKSPACE}') --` }],
    [{ field: "timestamp", op: "gte", value: "2000-01-01" }],
    [{ field: "source_id", op: "exists" }],
  ];
  for (const one of filters) {
    for (const id of idsOf(await page({ ...range, filters: one }))) expect(id).toBe("a-own");
  }
  expect(idsOf(await page(range, OTHER_WORKSPACE))).toEqual(["b-secret"]);
});

test("a cursor of another workspace opens nothing of it", async () => {
  const time = NOW - 110 * DAY;
  const range = { from: iso(time - DAY), to: iso(time + DAY), limit: 1 };
  await storeEvents(warehouse.client, [at("c1", time), at("c2", time + 1)], OTHER_WORKSPACE);
  const { next_cursor } = await page(range, OTHER_WORKSPACE);
  expect(next_cursor).not.toBeNull();
  expect(idsOf(await page({ ...range, cursor: next_cursor }))).toEqual([]);
});
