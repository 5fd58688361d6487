import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { brotliCompressSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { fromBlocks } from "./blocks.ts";
import { startWarehouse, type Warehouse } from "./start-for-test.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // a busy machine

let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await startWarehouse();
  await warehouse.http("/?", "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a");
});
afterAll(() => warehouse?.stop());

const ask = async (sql: string, url = "") => (await warehouse.http(`/?${url}`, sql)).text;
const raw = (text: string | Buffer) =>
  new Promise<string>((resolve) => {
    let answer = "";
    const socket = connect(Number(new URL(warehouse.url).port), "127.0.0.1", () => socket.write(text));
    socket.on("data", (part) => {
      answer += part;
    });
    socket.on("error", () => resolve(answer));
    socket.on("close", () => resolve(answer));
    setTimeout(() => socket.destroy(), 500);
  });

describe("what database tools ask for", () => {
  test.each([
    ["database=nope", 404, 81],
    ["max_threadz=1", 404, 115],
    ["max_execution_time=abc", 400, 72],
  ])("what is wrong with %s has ClickHouse's own code, not that of a wrapper", async (parameters, status, code) => {
    const answer = await warehouse.http(`/?${parameters}`, "SELECT 1");
    expect(answer.text).toMatch(new RegExp(`^Code: ${code}\\. `));
    expect(answer.status).toBe(status);
    expect(answer.headers["x-clickhouse-exception-code"]).toBe(String(code));
  });

  test("health checks answer Ok", async () => {
    for (const path of ["/", "/ping"]) expect((await warehouse.http(path)).text).toBe("Ok.\n");
    expect((await warehouse.http("/nosuch")).status).toBe(404);
  });

  test("a query stands in the address, in the body, or begins in one and goes on in the other", async () => {
    expect((await warehouse.http("/?query=SELECT%201")).text).toBe("1\n");
    expect(await ask("SELECT 2")).toBe("2\n");
    expect((await warehouse.http("/?query=SELECT", "3")).text).toBe("3\n");
    expect(await ask("SELECT 4;;  -- the end")).toBe("4\n");
  });

  test.each([
    ["default_format=JSONCompact", {}, "JSONCompact"],
    ["", { "X-ClickHouse-Format": "CSV" }, "CSV"],
    ["default_format=JSONCompact&query=SELECT+1+FORMAT+Vertical", {}, "Vertical"],
    ["query=SELECT+1+AS+a+FORMAT+CSVWithNames+SETTINGS+max_threads=1", {}, "CSVWithNames"],
    ["", {}, "TabSeparated"],
  ])("the format is the query's own, else the asked one: %s", async (url, headers, format) => {
    const answer = await warehouse.http(`/?${url}`, url.includes("query=") ? "" : "SELECT 1", headers);
    expect(answer.headers["x-clickhouse-format"]).toBe(format);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toBe("");
  });

  test.each([
    "SHOW TABLES",
    "DESCRIBE TABLE t",
    "EXISTS TABLE t",
    "EXPLAIN SELECT 1",
    "(SELECT 1)",
    "WITH 1 AS x SELECT x",
    "FROM t SELECT count()",
    "SHOW CREATE TABLE t",
    "EXPLAIN AST SELECT 1",
  ])("%s answers rows in the asked format", async (sql) => {
    const answer = await warehouse.http("/?default_format=JSONCompact", sql);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toHaveProperty("meta");
  });

  test("every answer names its query, its server and what was read", async () => {
    const { headers } = await warehouse.http("/?query_id=mine", "SELECT number FROM numbers(10)");
    expect(headers).toMatchObject({ "x-clickhouse-query-id": "mine", "x-clickhouse-server-display-name": "millrace" });
    expect(headers["x-clickhouse-timezone"]).toBeTruthy();
    expect(JSON.parse(String(headers["x-clickhouse-summary"]))).toMatchObject({
      read_rows: "10",
      result_rows: "10",
      result_bytes: "20",
    });
    expect((await warehouse.http("/?", "SELECT 1")).headers["x-clickhouse-query-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ["SELECT nosuch", 404, 47],
    ["SELECT 1 FROM nosuch", 404, 60],
    ["selec 1", 400, 62],
    ["", 400, 62],
    ["SELECT 1; SELECT 2", 400, 62],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", 500, 161],
    ["INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 501, 48],
    ["SELECT sleep(3)", 408, 159],
  ])("%s is refused with ClickHouse's status, code and text", async (sql, status, code) => {
    const answer = await warehouse.http("/?max_execution_time=1", sql);
    expect(answer.status).toBe(status);
    expect(answer.headers["x-clickhouse-exception-code"]).toBe(String(code));
    expect(answer.text).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: [\\s\\S]*\\([A-Z_]+\\) \\(version 26\\.`));
  });

  test.each(["nosuch=1", "max_threads=abc", "a;b=1", "default_format=TSV%20INTO"])(
    "a bad setting is refused: %s",
    async (url) => {
      const answer = await warehouse.http(`/?${url}`, "SELECT 1");
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).toMatch(/^Code: \d+\. DB::Exception/);
    },
  );

  test("an error behind rows stands marked at their end, and the answer has no proper end", async () => {
    const answer = await warehouse.http(
      "/?",
      "SELECT throwIf(number = 150000), number FROM numbers(200000) SETTINGS max_block_size = 1000",
    );
    expect(answer.status).toBe(200);
    expect(answer.complete).toBe(false);
    const tag = String(answer.headers["x-clickhouse-exception-tag"]);
    expect(answer.text).toMatch(
      new RegExp(`\\r\\n__exception__\\r\\n${tag}\\r\\nCode: 395[\\s\\S]*\\n\\d+ ${tag}\\r\\n__exception__\\r\\n$`),
    );
  });

  test("with wait_end_of_query the same error has a status of its own, and a large answer comes whole", async () => {
    const sql = "SELECT throwIf(number = 150000), number FROM numbers(200000) SETTINGS max_block_size = 1000";
    expect((await warehouse.http("/?wait_end_of_query=1", sql)).status).toBe(500);
    const whole = await warehouse.http("/?wait_end_of_query=1", "SELECT number FROM numbers(1000000)");
    expect(whole.text.length).toBe(6_888_890);
    expect(JSON.parse(String(whole.headers["x-clickhouse-summary"]))).toMatchObject({ read_rows: "1000000" });
  });
});

describe("rows go in", () => {
  const COUNT = "SELECT count(), sum(a) FROM";
  const insertedInto = async (table: string, answer: Promise<{ status: number; text: string }>) => {
    expect(await answer).toMatchObject({ status: 200, text: "" });
    return ask(`${COUNT} ${table}`);
  };
  const fresh = async (name: string) => {
    await ask(`CREATE TABLE ${name} (a UInt64, s String) ENGINE = MergeTree ORDER BY a`);
    return name;
  };

  test.each([
    ["TSV", "1\tx\n2\ty\n"],
    ["TabSeparatedWithNames", "s\ta\nx\t1\ny\t2\n"],
    ["CSV", '1,"x"\n2,"y, \n z"\n'],
    ["JSONEachRow", '{"a":1,"s":"x"}\n{"a":2,"s":";"}'],
    ["JSONCompactEachRow", '[1,"x"]\n[2,"y"]'],
    ["Values", "(1, 'x'), (1+1, concat('a', ';'))"],
  ])("as %s, with the query in the address and in the body", async (format, rows) => {
    const table = await fresh(`f_${format}`);
    expect(await insertedInto(table, warehouse.http(`/?query=INSERT+INTO+${table}+FORMAT+${format}`, rows))).toBe(
      "2\t3\n",
    );
    expect(await insertedInto(table, warehouse.http("/?", `INSERT INTO ${table} FORMAT ${format}\n${rows}`))).toBe(
      "4\t6\n",
    );
  });

  test.each(["Native", "RowBinary", "RowBinaryWithNamesAndTypes", "Parquet", "Arrow", "Avro", "MsgPack"])(
    "as %s, and out again",
    async (format) => {
      const table = await fresh(`b_${format}`);
      const rows = await warehouse.http(
        "/?",
        `SELECT number AS a, toString(number) AS s FROM numbers(1000) FORMAT ${format}`,
      );
      expect(
        await insertedInto(table, warehouse.http(`/?query=INSERT+INTO+${table}+(a,s)+FORMAT+${format}`, rows.body)),
      ).toBe("1000\t499500\n");
      const inBody = Buffer.concat([
        Buffer.from(`INSERT INTO ${table} SETTINGS max_threads=1 FORMAT ${format}\n`),
        rows.body,
      ]);
      expect(await insertedInto(table, warehouse.http("/?", inBody))).toBe("2000\t999000\n");
    },
  );

  test("as VALUES in the statement, also 2 MB of them, and from a SELECT", async () => {
    const table = await fresh("v");
    expect(await insertedInto(table, warehouse.http("/?", `INSERT INTO ${table} VALUES (1, 'it''s;'), (2, 'y')`))).toBe(
      "2\t3\n",
    );
    const many = Array.from({ length: 100_000 }, (_, n) => `(${n}, 'value ${n}')`).join(",");
    expect(await insertedInto(table, warehouse.http("/?", `INSERT INTO ${table} (a, s) VALUES ${many}`))).toBe(
      "100002\t4999950003\n",
    );
    expect(
      await insertedInto(
        table,
        warehouse.http("/?", `INSERT INTO ${table} SELECT 1, 'x' WHERE {n:UInt8} = 1`.replace("{n:UInt8}", "1")),
      ),
    ).toBe("100003\t4999950004\n");
    expect(
      await insertedInto(table, warehouse.http("/?param_n=7", `INSERT INTO ${table} SELECT {n:UInt64}, 'x'`)),
    ).toBe("100004\t4999950011\n");
  });

  test.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ])("packed with %s, statement included", async (encoding, pack) => {
    const table = await fresh(`p_${encoding}`);
    const headers = { "Content-Encoding": encoding };
    expect(
      await insertedInto(table, warehouse.http("/?", pack(`INSERT INTO ${table} FORMAT TSV\n1\tx\n`), headers)),
    ).toBe("1\t1\n");
    expect(
      await insertedInto(table, warehouse.http(`/?query=INSERT+INTO+${table}+FORMAT+TSV`, pack("2\ty\n"), headers)),
    ).toBe("2\t3\n");
  });

  test("70 MB in one body, which memory does not hold, and none of a broken one", async () => {
    const table = await fresh("large");
    const line = `1\t${"x".repeat(1000)}\n`;
    const body = Buffer.from(line.repeat(70_000));
    expect(await insertedInto(table, warehouse.http(`/?query=INSERT+INTO+${table}+FORMAT+TSV`, body))).toBe(
      "70000\t70000\n",
    );
    const broken = gzipSync(body.subarray(0, 1_000_000)).subarray(0, 500);
    const answer = await warehouse.http(`/?query=INSERT+INTO+${table}+FORMAT+TSV`, broken, {
      "Content-Encoding": "gzip",
    });
    expect(answer.status).toBe(500);
    expect(await ask(`${COUNT} ${table}`)).toBe("70000\t70000\n");
  });
});

describe("answers are packed when asked for", () => {
  test.each([
    ["gzip", gunzipSync],
    ["zstd", zstdDecompressSync],
  ])("%s", async (encoding, unpack) => {
    const asked = "/?enable_http_compression=1&query=SELECT+number+FROM+numbers(200000)+FORMAT+JSON";
    const answer = await warehouse.http(asked, undefined, { "Accept-Encoding": `x, ${encoding};q=1` });
    expect(answer.headers["content-encoding"]).toBe(encoding);
    expect(JSON.parse(unpack(answer.body).toString()).rows).toBe(200_000);
    const refused = await warehouse.http("/?enable_http_compression=1", "SELECT nosuch", {
      "Accept-Encoding": encoding,
    });
    expect(refused.text).toContain("UNKNOWN_IDENTIFIER");
  });
});

describe("ClickHouse's own compressed format, as JDBC speaks it", () => {
  test("blocks that the engine itself wrote to disk are read, checksums and LZ4 included", async () => {
    await ask("CREATE TABLE stored (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS min_bytes_for_wide_part = 0");
    await ask("INSERT INTO stored SELECT number % 50 FROM numbers(20000)");
    const path = (await ask("SELECT path FROM system.parts WHERE table = 'stored' AND active")).trim();
    const column = readFileSync(join(path, "n.bin"));
    const bytes = await buffer(fromBlocks(Readable.from([column])));
    expect(column.length).toBeLessThan(bytes.length / 2);
    expect(bytes.length).toBe(160_000);
    expect(bytes.readBigUInt64LE(159_992)).toBe(49n);
  });

  test("an answer and a body of rows make the round trip", async () => {
    const rows = await warehouse.http(
      "/?compress=1",
      "SELECT number AS a, 'x' AS s FROM numbers(10000) FORMAT RowBinary",
    );
    const plain = await buffer(fromBlocks(Readable.from([rows.body])));
    expect(plain.length).toBe(100_000);
    await ask("CREATE TABLE blocks (a UInt64, s String) ENGINE = MergeTree ORDER BY a");
    const insert = "/?decompress=1&query=INSERT+INTO+blocks+FORMAT+RowBinary";
    expect((await warehouse.http(insert, rows.body)).status).toBe(200);
    expect((await warehouse.http(insert, rows.body.subarray(0, -1))).text).toContain("(CANNOT_READ_ALL_DATA)");
    expect(await ask("SELECT count(), sum(a) FROM blocks")).toBe("10000\t49995000\n");
  });

  test("an error comes in blocks too, early or behind rows", async () => {
    const early = await warehouse.http("/?compress=1", "SELECT nosuch");
    expect(early.status).toBe(404);
    expect((await buffer(fromBlocks(Readable.from([early.body])))).toString()).toContain("(UNKNOWN_IDENTIFIER)");
    const sql = "SELECT throwIf(number = 90000), number FROM numbers(100000) SETTINGS max_block_size = 1000";
    const late = await warehouse.http("/?compress=1", sql);
    expect(late.complete).toBe(false);
    expect((await buffer(fromBlocks(Readable.from([late.body])))).toString()).toMatch(/__exception__\r\n$/);
  });
});

describe("what must not get in, or break it", () => {
  test("a web page's request is refused, whatever it asks", async () => {
    const foreign = await warehouse.http("/?query=SELECT+1", undefined, { Origin: "https://example.com" });
    expect(foreign).toMatchObject({ status: 403 });
    for (const host of ["example.com", "127.0.0.1", "localhost:1", "127.0.0.1.nip.io:8123"]) {
      expect((await warehouse.http("/?query=SELECT+1", undefined, { Host: host })).status).toBe(403);
    }
    const port = new URL(warehouse.url).port;
    expect((await warehouse.http("/?query=SELECT+1", undefined, { Host: `localhost:${port}` })).text).toBe("1\n");
  });

  test("no malformed request ends the process", async () => {
    const host = new URL(warehouse.url).host;
    await raw("\0\0\0\r\n\r\n");
    await raw(`POST /?query=%E0%A4%A HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nab`);
    await raw(`POST //[ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
    await raw(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`);
    await raw(
      Buffer.concat([
        Buffer.from(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n`),
        Buffer.from([0xff, 0, 0x27, 0x5c]),
      ]),
    );
    for (const body of [
      "\0",
      "'",
      "`",
      "/*",
      "$$",
      "$a$",
      "INSERT",
      "INSERT INTO",
      "INSERT INTO t FORMAT",
      "INSERT INTO t VALUES",
      "KILL QUERY",
      "KILL QUERY WHERE",
      "WITH",
      ")))",
      "((((",
      "\\",
      "SELECT '\\",
      "SELECT 1 FORMAT",
      "SELECT 1 FORMAT Nosuch",
      "{x:",
      "--",
      "SELECT {x:Nosuch}",
    ]) {
      const answer = await warehouse.http("/?", body);
      expect(answer.text, body).toMatch(body === "INSERT INTO t VALUES" ? /^$|^Code/ : /^Code: \d+\. DB::Exception/);
    }
    for (const headers of [
      { "Content-Encoding": "nosuch" },
      { "Content-Encoding": "gzip" },
      { "Content-Type": "multipart/form-data" },
      { "Content-Type": "multipart/form-data; boundary=x" },
      { Authorization: "Basic" },
      { Authorization: "Basic !!!" },
    ]) {
      await warehouse.http("/?", "SELECT 1", headers);
    }
    expect(await ask("SELECT 1")).toBe("1\n");
    expect(warehouse.child.process.exitCode).toBeNull();
  });

  test("a statement without end is refused, not collected", async () => {
    const answer = await warehouse.http("/?", Buffer.alloc(40 * 1024 * 1024, "SELECT 1, "));
    expect(answer.text).toContain("Max query size exceeded");
    expect(await ask(`SELECT '${"x".repeat(300_000)}'`)).toContain("Max query size exceeded");
    expect(await ask(`SELECT length('${"x".repeat(300_000)}')`, "max_query_size=1000000")).toBe("300000\n");
  });
});
