import { Readable } from "node:stream";
import { ClickHouseError, createClient, TupleParam } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startWarehouse, type Warehouse } from "./warehouse/start-for-test.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // a busy machine

let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await startWarehouse();
});
afterAll(() => warehouse?.stop());

const rowsOf = async (query: string, query_params: Record<string, unknown> = {}) =>
  (await warehouse.client.query({ query, query_params, format: "JSONEachRow" })).json<Record<string, unknown>>();

describe("what @clickhouse/client asks for", () => {
  test("the server answers a ping", async () => {
    expect(await warehouse.client.ping()).toEqual({ success: true });
  });

  test.each([
    ["String", 'it\'s \\ back`tick "double" \n\t\r \0 ünï 😀 {x:String} -- /* ; */'],
    ["String", ""],
    ["Array(String)", ["a'b", "c\\d", "e\nf", '"', ""]],
    ["Array(Nullable(String))", ["a", null]],
    ["Nullable(Int64)", null],
    ["Nullable(String)", null],
    ["Map(String, Array(UInt8))", { a: [1, 2], "b'": [] }],
    ["Bool", true],
    ["Float64", -1.5],
    ["UUID", "00000000-0000-4000-8000-000000000001"],
    ["String", JSON.stringify({ text: "quote ' and \\ and \" and \n", list: [1, null, "ü"] })],
  ])("a parameter of type %s arrives as it was sent: %j", async (type, value) => {
    const rows = await rowsOf(`SELECT {x:${type}} AS x SETTINGS output_format_json_quote_64bit_integers = 0`, {
      x: value,
    });
    expect(rows).toEqual([{ x: value }]);
  });

  test("times, tuples and identifiers are bound by their types", async () => {
    const params = { at: new Date(1_700_000_000_123), pair: new TupleParam(["it's", 2]), table: "numbers" };
    const [row] = await rowsOf(
      "SELECT {at:DateTime64(3, 'UTC')} AS at, tupleElement({pair:Tuple(String, UInt8)}, 1) AS first, name FROM system.{table:Identifier} LIMIT 1",
      { ...params, table: "databases" },
    );
    expect(row).toMatchObject({ at: "2023-11-14 22:13:20.123", first: "it's" });
  });

  test("parameters of 600 kB travel in a form", async () => {
    const query_params = { x: "ü".repeat(300_000) };
    const query = "SELECT length({x:String}) AS bytes";
    const asked = await warehouse.client.query({
      query,
      query_params,
      format: "JSONEachRow",
      use_multipart_params: true,
    });
    expect(await asked.json()).toEqual([{ bytes: 600_000 }]);
  });

  test("rows go in as objects and as a stream, and come out again", async () => {
    await warehouse.client.command({
      query: "CREATE TABLE t (id UInt64, s String, j JSON) ENGINE = MergeTree ORDER BY id",
    });
    const values = [
      { id: 1, s: "it's ü 😀", j: { a: 1 } },
      { id: 2, s: "\\n", j: { b: "c" } },
    ];
    const inserted = await warehouse.client.insert({ table: "t", values, format: "JSONEachRow" });
    expect(inserted.summary).toMatchObject({ written_rows: "2" });
    const stream = Readable.from([{ id: 3, s: "streamed", j: {} }], { objectMode: true });
    await warehouse.client.insert({ table: "t", values: stream, format: "JSONEachRow", columns: ["id", "s", "j"] });
    expect(await rowsOf("SELECT * FROM t ORDER BY id SETTINGS output_format_json_quote_64bit_integers = 0")).toEqual([
      ...values,
      { id: 3, s: "streamed", j: {} },
    ]);
  });

  test("exec takes raw rows in a binary format", async () => {
    await warehouse.client.command({ query: "CREATE TABLE raw (a UInt8, s String) ENGINE = MergeTree ORDER BY a" });
    const values = Readable.from([Buffer.from([1, 2, 0x68, 0x69]), Buffer.from([2, 0])]);
    const { stream } = await warehouse.client.exec({ query: "INSERT INTO raw FORMAT RowBinary", values });
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    expect(await rowsOf("SELECT * FROM raw ORDER BY a")).toEqual([
      { a: 1, s: "hi" },
      { a: 2, s: "" },
    ]);
  });

  test("bodies are compressed both ways", async () => {
    const client = createClient({ url: warehouse.url, compression: { request: true, response: true } });
    await client.command({ query: "CREATE TABLE packed (n UInt64) ENGINE = MergeTree ORDER BY n" });
    const values = Array.from({ length: 5_000 }, (_, n) => ({ n }));
    await client.insert({ table: "packed", values, format: "JSONEachRow" });
    const asked = await client.query({ query: "SELECT count() AS c, sum(n) AS s FROM packed", format: "JSON" });
    expect(asked.response_headers["content-encoding"]).toBe("gzip");
    expect((await asked.json()).data).toEqual(
      [{ c: "5000", s: "12497500" }].map(({ c, s }) => ({ c: Number(c), s: Number(s) })),
    );
    await client.close();
  });

  test("a large answer is streamed whole, in each of the client's formats", async () => {
    const asked = await warehouse.client.query({
      query: "SELECT number FROM numbers(300000)",
      format: "JSONEachRow",
    });
    let count = 0;
    for await (const rows of asked.stream()) count += rows.length;
    expect(count).toBe(300_000);
    const whole = await warehouse.client.query({ query: "SELECT number FROM numbers(300000)", format: "JSON" });
    const { rows, data, meta } = await whole.json<{ number: number }>();
    expect({ rows, last: data.at(-1), meta }).toEqual({
      rows: 300_000,
      last: { number: 299_999 },
      meta: [{ name: "number", type: "UInt64" }],
    });
  });

  test.each([
    ["SELECT nosuch", "47", "UNKNOWN_IDENTIFIER"],
    ["SELECT 1 FROM nosuch", "60", "UNKNOWN_TABLE"],
    ["selec 1", "62", "SYNTAX_ERROR"],
    ["SELECT 'open", "62", "SYNTAX_ERROR"],
    ["SELECT throwIf(number = 3, 'said ''so''') FROM numbers(5)", "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"],
    ["SELECT {x:String}", "456", "UNKNOWN_QUERY_PARAMETER"],
    ["SELECT 1 SETTINGS nosuch = 1", "115", "UNKNOWN_SETTING"],
    ["CREATE TABLE bad (a Int8) ENGINE = Nosuch", "56", "UNKNOWN_STORAGE"],
  ])("an error keeps its code and name: %s", async (query, code, type) => {
    const failed = await warehouse.client.query({ query, format: "JSONEachRow" }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ClickHouseError);
    expect(failed).toMatchObject({ code, type });
    expect(String(failed)).not.toContain("OUTFILE '");
  });

  test("rows that do not fit are refused with the row's number and without our paths, and none is stored", async () => {
    await warehouse.client.command({ query: "CREATE TABLE strict (a UInt8) ENGINE = MergeTree ORDER BY a" });
    const values = [{ a: 1 }, { a: "zz" }];
    const failed = await warehouse.client
      .insert({ table: "strict", values, format: "JSONEachRow" })
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ClickHouseError);
    expect(String(failed)).toContain("(at row 2)");
    expect(String(failed)).not.toContain("millrace-warehouse");
    expect(await rowsOf("SELECT count() AS c FROM strict")).toEqual([{ c: 0 }]);
  });

  test("an error behind rows is an error for who streams them", async () => {
    const query = "SELECT throwIf(number = 150000) AS t, number FROM numbers(200000) SETTINGS max_block_size = 1000";
    const read = async () => {
      const asked = await warehouse.client.query({ query, format: "JSONEachRow" });
      for await (const _ of asked.stream());
    };
    await expect(read()).rejects.toThrow();
  });
});
