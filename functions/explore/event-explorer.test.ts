import { expect, test } from "vitest";
import { EventsBody, eventExplorer } from "./event-explorer.ts";
import { cursorOf } from "./keyset.ts";

const NOW = Date.UTC(2026, 2, 10, 12);
const DAY = 24 * 60 * 60 * 1_000;
const paramsOf = (body: object) =>
  eventExplorer.input(EventsBody.parse({ table: "events_track", ...body }), NOW).params;

test("without a range it is the last 7 days until now", () => {
  expect(paramsOf({})).toEqual({ from: NOW - 7 * DAY, to: NOW, limit: 101 });
});

test("without from it is the 7 days before to", () => {
  const to = Date.UTC(2026, 0, 10);
  expect(paramsOf({ to: "2026-01-10" })).toMatchObject({ from: to - 7 * DAY, to });
  expect(paramsOf({ to: "2026-01-10T01:00:00+01:00" })).toMatchObject({ to });
});

test.each([
  [{ table: "users" }, "table"],
  [{ table: undefined }, "table"],
  [{ from: "yesterday" }, "from"],
  [{ to: "9999-01-01T00:00:00Z" }, "to"],
  [{ limit: 0 }, "limit"],
  [{ limit: 1_001 }, "limit"],
  [{ limit: "10" }, "limit"],
  [{ order: "up" }, "order"],
  [{ cursor: "x" }, "cursor"],
  [{ cursor: 5 }, "cursor"],
  [{ filters: {} }, "filters"],
  [{ filters: [{ field: "nope", op: "eq", value: "x" }] }, "filters.0.field"],
  [{ filters: Array(21).fill({ field: "event", op: "exists" }) }, "filters"],
])("the body %o is refused, and the first thing wrong is named", (body, field) => {
  const checked = EventsBody.safeParse({ table: "events_track", ...body });
  expect(checked.error?.issues[0]?.path.join(".")).toBe(field);
});

test("a page that is full has a cursor to the next one, a page that is not has none", () => {
  const row = (id: number) => ({
    message_id: `m${id}`,
    timestamp: "2026-03-01T00:00:00.123Z",
    warnings: "",
    context: {},
  });
  const body = EventsBody.parse({ table: "events", limit: 2 });
  const full = eventExplorer.answer([row(1), row(2), row(3)], body);
  expect(full.rows.map((one) => one.message_id)).toEqual(["m1", "m2"]);
  expect(full.next_cursor).toBe(cursorOf({ timestamp: Date.UTC(2026, 2, 1, 0, 0, 0, 123), messageId: "m2" }));
  expect(eventExplorer.answer([row(1), row(2)], body).next_cursor).toBeNull();
  expect(eventExplorer.answer([], body)).toEqual({ rows: [], next_cursor: null });
});

test("a row's context is whole again, without paths that were never sent", () => {
  const body = EventsBody.parse({ table: "events" });
  const row = {
    message_id: "m",
    timestamp: "2026-03-01T00:00:00.000Z",
    "context.page_url": "https://shop.example/a",
    warnings: "bad_timestamp,clock_skew",
    "context.ip": "",
    context: { screen_width: 1_920 },
  };
  expect(eventExplorer.answer([row], body).rows).toEqual([
    {
      message_id: "m",
      timestamp: "2026-03-01T00:00:00.000Z",
      warnings: ["bad_timestamp", "clock_skew"],
      context: { page_url: "https://shop.example/a", screen_width: 1_920 },
    },
  ]);
});

test("filters that would not fit the request to ClickHouse are refused", () => {
  const filter = { field: "event", op: "in", value: Array(500).fill("x".repeat(500)) };
  expect(EventsBody.safeParse({ table: "events", filters: [filter] }).error?.issues[0]?.path).toEqual(["filters"]);
});
