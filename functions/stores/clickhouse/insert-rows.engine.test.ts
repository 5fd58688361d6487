import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { uuidBytes } from "../../kit/id.ts";
import { jsonText } from "../../kit/json-text.ts";
import { WORKSPACE } from "../../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../../testing/fresh-clickhouse.ts";
import { EVENTS_JSON_TYPE } from "./insert-events.ts";
import { createInsertNative, type InsertNative } from "./insert-rows.ts";
import { fixedText, jsonTexts, nativeBlock, repeated, text, uint32sTo } from "./native-block.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const OPTIONS = { queryId: "", maxMs: 60_000 };

let warehouse: FreshClickHouse;
let insert: InsertNative;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  insert = createInsertNative(warehouse.client);
});
afterAll(() => warehouse?.drop());

/** One row for each text of properties; the second of two rows has a `sent_at`. */
function rowsOf(shard: string, properties: string[]) {
  const rows = properties.length;
  const time = Buffer.alloc(8);
  time.writeBigInt64LE(BigInt(Date.UTC(2026, 0, 1)));
  const columns = [
    { name: "workspace_id", type: "UUID", bytes: [repeated(uuidBytes(WORKSPACE), rows)] },
    { name: "message_id", type: "String", bytes: properties.map((_, row) => text(`${shard}-${row}`)) },
    { name: "type", type: "String", bytes: [repeated(text("track"), rows)] },
    { name: "timestamp", type: "DateTime64(3, 'UTC')", bytes: [repeated(time, rows)] },
    {
      name: "sent_at",
      type: "Nullable(DateTime64(3, 'UTC'))",
      nulls: properties.map((_, row) => Uint8Array.of(row === 1 ? 0 : 1)),
      bytes: [repeated(time, rows)],
    },
    jsonTexts("properties", EVENTS_JSON_TYPE, properties.map(text)),
    { name: "_shard", type: "String", bytes: [repeated(text(shard), rows)] },
    { name: "_seq", type: "FixedString(56)", bytes: [repeated(fixedText("1".repeat(56), 56), rows)] },
    { name: "_sub", type: "UInt32", bytes: [uint32sTo(rows)] },
  ];
  return { names: columns.map(({ name }) => name), block: nativeBlock(rows, columns) };
}

async function stored(shard: string) {
  const answer = await warehouse.client.query({
    query:
      "SELECT message_id, sent_at IS NULL AS unsent, properties, _sub FROM events WHERE _shard = {shard: String} ORDER BY _sub",
    query_params: { shard },
    format: "JSONEachRow",
    clickhouse_settings: { json_type_escape_dots_in_keys: 1 },
  });
  return answer.json<{ message_id: string; unsent: number; properties: unknown; _sub: number }>();
}

test("pieces of columns, null maps and constant columns become the rows they stand for", async () => {
  const { names, block } = rowsOf("pieces", ['{"a":1}', '{"b":["x",null]}', "{}"]);
  await insert("events", names, block, "pieces", OPTIONS);
  expect(await stored("pieces")).toEqual([
    { message_id: "pieces-0", unsent: 1, properties: { a: 1 }, _sub: 0 },
    { message_id: "pieces-1", unsent: 0, properties: { b: ["x", null] }, _sub: 1 },
    { message_id: "pieces-2", unsent: 1, properties: {}, _sub: 2 },
  ]);
});

test("the same token again stores nothing, another one does", async () => {
  const { names, block } = rowsOf("token", ["{}", "{}"]);
  await insert("events", names, block, "token-1", OPTIONS);
  await insert("events", names, block, "token-1", OPTIONS);
  expect(await stored("token")).toHaveLength(2);
  await insert("events", names, Buffer.concat(block), "token-2", OPTIONS);
  expect(await stored("token")).toHaveLength(4);
});

test("a text that looks like a date stays a text, a boolean in a list a boolean, a dot in a key a dot", async () => {
  const properties = {
    day: "2026-01-01",
    time: "2026-01-01 10:00:00",
    flags: [true, 1],
    words: [true, "x"],
    lines: [{ "a.b": 1 }],
    clash: [{ "a.b": 1, a: { b: 2 } }],
  };
  const { names, block } = rowsOf("kept", [JSON.stringify(properties)]);
  await insert("events", names, block, "kept", OPTIONS);
  expect((await stored("kept"))[0]?.properties).toEqual(properties);
  const types = await warehouse.client.query({
    query:
      "SELECT dynamicType(properties.day) AS day, dynamicType(properties.time) AS time FROM events WHERE _shard = 'kept'",
    format: "JSONEachRow",
  });
  expect(await types.json()).toEqual([{ day: "String", time: "String" }]);
});

test("an integer that 64 bits cannot hold is stored as the double that it is", async () => {
  const properties = { a: 1e20, b: -(2 ** 63), c: [1, -1e19], d: 2 ** 63 };
  const { names, block } = rowsOf("integers", [jsonText(properties)]);
  await insert("events", names, block, "integers", OPTIONS);
  expect((await stored("integers"))[0]?.properties).toEqual(properties);
});

test.each([['{"n":100000000000000000000}'], ["[1]"], [""], ['{"n":1e400}'], ['{"n":']])(
  "properties %j refuse the whole insert: nothing of it is stored, and no row is quoted",
  async (broken) => {
    const shard = `broken ${broken}`;
    const { names, block } = rowsOf(shard, ['{"secret":"in-row-0"}', broken]);
    const failed = await insert("events", names, block, shard, OPTIONS).catch((error: Error) => error);
    // By its name the writer knows that the same rows again change nothing.
    const message = expect.stringMatching(/^The table does not take it: code \d+, \w+\.$/);
    expect(failed).toMatchObject({ name: "RowsRefused", message });
    expect(await stored(shard)).toEqual([]);
  },
);

test("a block that ends in the middle of a value stores nothing", async () => {
  const { names, block } = rowsOf("cut", ["{}", "{}"]);
  const whole = Buffer.concat(block);
  await expect(insert("events", names, whole.subarray(0, whole.length - 5), "cut", OPTIONS)).rejects.toThrow();
  expect(await stored("cut")).toEqual([]);
});

test("the JSON columns have the type under which the writer sends them", async () => {
  const answer = await warehouse.client.query({
    query:
      "SELECT DISTINCT type FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND type LIKE 'JSON%'",
    format: "JSONEachRow",
  });
  expect(await answer.json()).toEqual([{ type: EVENTS_JSON_TYPE }]);
});

test("an insert into more partitions than the engine allows by default is refused whole: the writer cuts by month", async () => {
  const { names, block } = rowsOf("months", Array(101).fill("{}"));
  const whole = Buffer.concat(block);
  const time = Buffer.alloc(8);
  time.writeBigInt64LE(BigInt(Date.UTC(2026, 0, 1)));
  const from = whole.indexOf(time);
  for (let row = 0; row < 101; row++) whole.writeBigInt64LE(BigInt(Date.UTC(2005, row, 1)), from + row * 8);
  await expect(insert("events", names, whole, "months", OPTIONS)).rejects.toThrow("does not answer");
  expect(await stored("months")).toEqual([]);
});
