import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startWarehouse, until, type Warehouse } from "./start-for-test.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // a busy machine

let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await startWarehouse();
  await warehouse.http("/?", "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a");
});
afterAll(() => warehouse?.stop());

/** Takes no CPU, so that a busy machine stays usable. */
const ENDLESS = "SELECT sum(sleepEachRow(0.05)) FROM numbers(1000000) SETTINGS max_block_size = 1";
const ask = async (sql: string, url = "") => (await warehouse.http(`/?${url}`, sql)).text.trim();
const isRunning = async (queryId: string) =>
  (await ask(`SELECT count() FROM system.processes WHERE query_id = '${queryId}'`)) === "1";

describe("one request's doings are not seen by the next", () => {
  test("a setting, from the address or a SET, ends with its request", async () => {
    const before = await ask("SELECT getSetting('max_block_size')");
    expect(await ask("SELECT getSetting('max_block_size')", "max_block_size=77")).toBe("77");
    await ask("SET max_block_size = 78");
    expect(await ask("SELECT 1 SETTINGS max_block_size = 79")).toBe("1");
    await ask("INSERT INTO t FORMAT TSV\n1\tx", "max_block_size=80");
    const after = await Promise.all(Array.from({ length: 8 }, () => ask("SELECT getSetting('max_block_size')")));
    expect(new Set(after)).toEqual(new Set([before]));
  });

  test("readonly locks its own request and no other", async () => {
    for (const level of ["1", "2"]) {
      expect(await ask("CREATE TABLE locked (a Int8) ENGINE = Memory", `readonly=${level}`)).toContain("(READONLY)");
      expect(await ask("INSERT INTO t FORMAT TSV\n1\tx", `readonly=${level}`)).toContain("(READONLY)");
      expect(await ask("KILL QUERY WHERE 1", `readonly=${level}`)).toContain("(READONLY)");
    }
    expect(await ask("SET max_threads = 1; SET readonly = 1")).toContain("Multi-statements are not allowed");
    await ask("SET readonly = 1");
    expect(await ask("CREATE TABLE unlocked (a Int8) ENGINE = Memory")).toBe("");
    expect(await ask("INSERT INTO unlocked FORMAT TSV\n1")).toBe("");
  });

  test("a GET changes nothing", async () => {
    const created = await warehouse.http(`/?query=${encodeURIComponent("CREATE TABLE got (a Int8) ENGINE = Memory")}`);
    expect(created.text).toContain("(READONLY)");
    expect((await warehouse.http("/?query=SELECT%201%2B1")).text).toBe("2\n");
  });

  test("a parameter or a database of one request is unknown to the next, also when many run at once", async () => {
    expect(await ask("SELECT {x:String}, currentDatabase()", "param_x=mine&database=system")).toBe("mine\tsystem");
    expect(await ask("SELECT {x:String}")).toContain("(UNKNOWN_QUERY_PARAMETER)");
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => ask("SELECT {x:UInt32}, currentDatabase()", `param_x=${n}`)),
    );
    expect(answers).toEqual(Array.from({ length: 24 }, (_, n) => `${n}\tcdp`));
  });
});

describe("one request does not wait for another", () => {
  test("beside slow queries a second one and an insert are answered", async () => {
    const ids = Array.from({ length: 4 }, () => randomUUID());
    const slow = ids.map((id) => ask(ENDLESS, `query_id=${id}`));
    for (const id of ids) await until(() => isRunning(id), "the slow query runs");
    expect(await ask("SELECT 1")).toBe("1");
    expect(await ask("SELECT {x:UInt8}", "param_x=2")).toBe("2");
    expect(await ask("INSERT INTO t FORMAT TSV\n5\tbeside")).toBe("");
    expect(await ask("SELECT count() FROM t WHERE s = 'beside'", "query_id=writer:read-back")).toBe("1");
    for (const id of ids) expect(await isRunning(id)).toBe(true);
    for (const id of ids) await ask(`KILL QUERY WHERE query_id = '${id}' SYNC`);
    for (const answer of slow) expect(await answer).toContain("(QUERY_WAS_CANCELLED)");
  });

  test("a writer's read-back waits for the insert before it and sees all of it", async () => {
    await ask("CREATE TABLE big (a UInt64) ENGINE = MergeTree ORDER BY a");
    const inserting = ask("INSERT INTO big SELECT number FROM numbers(5000000)", "query_id=writer:insert");
    await until(() => isRunning("writer:insert"), "the insert runs");
    expect(await ask("SELECT count() FROM big", "query_id=writer:count")).toBe("5000000");
    expect(await inserting).toBe("");
  });
});

describe("a running query can be ended", () => {
  test("a closed connection ends a read, whether it answers, computes or waits for its reader", async () => {
    for (const sql of [
      ENDLESS,
      "SELECT sum(cityHash64(number)) FROM numbers(100000000000)",
      "SELECT number FROM numbers(100000000000)",
      "SELECT count() FROM loop(numbers(10))",
      "SELECT number, sleepEachRow(0.5) FROM numbers(1000) SETTINGS max_block_size = 1",
    ]) {
      const id = randomUUID();
      const leaving = new AbortController();
      const asked = fetch(`${warehouse.url}/?query_id=${id}`, { method: "POST", body: sql, signal: leaving.signal });
      await until(() => isRunning(id), `${sql} runs`);
      leaving.abort();
      await asked.catch(() => {});
      await until(async () => !(await isRunning(id)), `${sql} has ended`);
    }
    expect(await ask("SELECT count() FROM system.processes")).toBe("1");
  });

  test("a client that aborts before its query began leaves nothing running", async () => {
    for (let n = 0; n < 10; n += 1) {
      const leaving = new AbortController();
      const asked = fetch(`${warehouse.url}/?`, { method: "POST", body: ENDLESS, signal: leaving.signal });
      await sleep(n);
      leaving.abort();
      await asked.catch(() => {});
    }
    await until(async () => (await ask("SELECT count() FROM system.processes")) === "1", "all have ended");
  });

  test("KILL QUERY finds a query by its caller's id or text, says so, and ends no other", async () => {
    const other = ask(ENDLESS, "query_id=stream:1:other");
    const mine = ask(`${ENDLESS} /* mine */`, "query_id=stream:0:mine");
    await until(async () => (await isRunning("stream:0:mine")) && (await isRunning("stream:1:other")), "both run");
    const tested = await ask("KILL QUERY WHERE query LIKE '%mine%' TEST FORMAT JSONEachRow");
    expect(JSON.parse(tested)).toMatchObject({ query_id: "stream:0:mine", query: `${ENDLESS} /* mine */` });
    const killed = await ask("KILL QUERY WHERE startsWith(query_id, {prefix:String}) SYNC", "param_prefix=stream:0:");
    expect(killed.split("\t").slice(0, 2)).toEqual(["finished", "stream:0:mine"]);
    expect(await isRunning("stream:0:mine")).toBe(false);
    expect(await isRunning("stream:1:other")).toBe(true);
    expect(await mine).toContain("Code: 394. DB::Exception: Query was cancelled");
    await ask("KILL QUERY WHERE query_id = 'stream:1:other' ASYNC");
    expect(await other).toContain("(QUERY_WAS_CANCELLED)");
  });

  test("KILL QUERY ends an insert, and the next one goes in", async () => {
    const inserting = ask("INSERT INTO t SELECT number, 'killed' FROM numbers(10000000000)", "query_id=writer:killed");
    await until(() => isRunning("writer:killed"), "the insert runs");
    await ask("KILL QUERY WHERE query_id = 'writer:killed' SYNC");
    expect(await inserting).toContain("(QUERY_WAS_CANCELLED)");
    expect(await ask("INSERT INTO t FORMAT TSV\n6\tafter")).toBe("");
  });

  test("a second query under a running one's id is refused", async () => {
    const first = ask(ENDLESS, "query_id=same");
    await until(() => isRunning("same"), "the first runs");
    const second = await warehouse.http("/?query_id=same", "SELECT 1");
    expect(second.headers["x-clickhouse-exception-code"]).toBe("216");
    await ask("KILL QUERY WHERE query_id = 'same' SYNC");
    await first;
    expect(await ask("SELECT 1", "query_id=same")).toBe("1");
  });
});

describe("custom SQL runs as analytics_ro", () => {
  const custom = (sql: string, url = "") =>
    warehouse.http(`/?${url}`, sql, { "X-ClickHouse-User": "analytics_ro", "X-ClickHouse-Key": "x" });

  test.each([
    ["DROP TABLE t", "READONLY"],
    ["INSERT INTO t VALUES (1, 'x')", "READONLY"],
    ["INSERT INTO t SELECT 1, 'x'", "READONLY"],
    ["SET max_threads = 1", "READONLY"],
    ["SELECT 1 SETTINGS max_execution_time = 0", "READONLY"],
    ["SELECT 1 FORMAT TSV SETTINGS readonly = 0", "READONLY"],
    ["KILL QUERY WHERE 1", "READONLY"],
    ["SYSTEM FLUSH LOGS", "READONLY"],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", "INTO_OUTFILE_NOT_ALLOWED"],
    ["SELECT 1; SELECT 2", "SYNTAX_ERROR"],
    ["SELECT number FROM numbers(10000000)", "TOO_MANY_ROWS_OR_BYTES"],
    ["SELECT groupArray(number) FROM numbers(900000000)", "MEMORY_LIMIT_EXCEEDED"],
    ["SELECT * FROM numbers(100000000000)", "TOO_MANY_ROWS"],
    [`SELECT ${"(".repeat(2000)}1${")".repeat(2000)}`, "TOO_DEEP_RECURSION"],
  ])("it refuses %s", async (sql, type) => {
    const answer = await custom(sql, "wait_end_of_query=1");
    expect(answer.text).toContain(`(${type})`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  test("a caller may lower a limit but not lift one, nor unlock the connection", async () => {
    const settings =
      "SELECT getSetting('max_execution_time'), getSetting('readonly'), getSetting('result_overflow_mode')";
    expect((await custom(settings, "max_execution_time=3")).text).toBe("3\t1\tthrow\n");
    expect((await custom(settings, "max_execution_time=0&readonly=0&result_overflow_mode=break")).text).toBe(
      "60\t1\tthrow\n",
    );
    expect((await custom(settings, "max_execution_time=9999")).text).toBe("60\t1\tthrow\n");
    expect((await custom("SELECT number FROM numbers(5)", "max_result_rows=3")).text).toContain(
      "(TOO_MANY_ROWS_OR_BYTES)",
    );
    expect(
      (await custom("SELECT sleepEachRow(0.1) FROM numbers(1000)", "max_execution_time=1&max_block_size=1")).text,
    ).toContain("(TIMEOUT_EXCEEDED)");
    expect((await custom("SELECT {x:String}", "param_x=bound&log_comment=w1")).text).toBe("bound\n");
  });

  test("Basic auth names it too, and it does not disturb others", async () => {
    const basic = { Authorization: `Basic ${Buffer.from("analytics_ro:secret").toString("base64")}` };
    expect((await warehouse.http("/?", "DROP TABLE t", basic)).text).toContain("(READONLY)");
    expect((await warehouse.http("/?user=analytics_ro", "DROP TABLE t")).text).toContain("(READONLY)");
    expect(await ask("SELECT getSetting('readonly')")).toBe("0");
    expect(await ask("INSERT INTO t FORMAT TSV\n7\tstill")).toBe("");
  });
});
