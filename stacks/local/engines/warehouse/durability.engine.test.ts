import { existsSync, readdirSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startChild } from "../../child.ts";
import { engineFile } from "../list.ts";
import { scratchFolders } from "./scratch.ts";
import { startWarehouse, until, type Warehouse } from "./start-for-test.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // a busy machine

let warehouse: Warehouse | undefined;
afterEach(() => warehouse?.stop());

const start = async () => {
  warehouse = await startWarehouse();
  return warehouse;
};
const restarted = async (dead: Warehouse) => {
  warehouse = await dead.again();
  return warehouse;
};

const TABLE = (name: string) =>
  `CREATE TABLE ${name} (id UInt64, s String) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100`;

const scratchFiles = (dataDir: string) =>
  scratchFolders(dataDir).flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));

describe("what was acknowledged stays", () => {
  test("rows are there after a SIGKILL right behind the answer, many times over", async () => {
    let running = await start();
    await running.http("/?", TABLE("t"));
    let acknowledged = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      for (let n = 0; n < 3; n += 1) {
        const answer = await running.http("/?query=INSERT+INTO+t+FORMAT+TSV", `${acknowledged}\tx\n`);
        expect(answer.status).toBe(200);
        acknowledged += 1;
      }
      process.kill(running.child.pid, "SIGKILL");
      running = await restarted(running);
      expect((await running.http("/?", "SELECT count(), uniqExact(id) FROM t")).text).toBe(
        `${acknowledged}\t${acknowledged}\n`,
      );
    }
  });

  test("a SIGKILL amid an insert leaves a database that starts, and the same token brings the rows in once", async () => {
    let running = await start();
    await running.http("/?", TABLE("t"));
    const rows = Array.from({ length: 50_000 }, (_, n) => `${n}\tx\n`).join("");
    const insert = "/?insert_deduplication_token=once&query=INSERT+INTO+t+FORMAT+TSV";
    const cut = running.http(insert, rows).catch(() => {});
    await sleep(60);
    process.kill(running.child.pid, "SIGKILL");
    await cut;
    running = await restarted(running);
    expect((await running.http(insert, rows)).status).toBe(200);
    expect((await running.http(insert, rows)).status).toBe(200);
    expect((await running.http("/?", "SELECT count(), uniqExact(id) FROM t")).text).toBe("50000\t50000\n");
  });

  test("a stop waits for the insert in flight, and ends in time although a query never would", async () => {
    const running = await start();
    await running.http("/?", TABLE("t"));
    const endless = running.http("/?query_id=endless", "SELECT count() FROM loop(numbers(10))");
    await until(async () => {
      const listed = await running.http("/?", "SELECT count() FROM system.processes WHERE query_id = 'endless'");
      return listed.text === "1\n";
    }, "the endless query runs");
    const inserting = running.http(
      "/?",
      "INSERT INTO t SELECT number, 'x' FROM numbers(10) WHERE sleepEachRow(0.1) = 0",
    );
    await sleep(300);
    await running.child.stop();
    expect((await inserting).status).toBe(200);
    expect((await endless).text).toContain("(QUERY_WAS_CANCELLED)");
    const again = await restarted(running);
    expect((await again.http("/?", "SELECT count() FROM t")).text).toBe("10\n");
  });

  test("a process whose parent is gone ends although an insert goes on: nobody is left to kill it", async () => {
    const running = await start();
    await running.http("/?", TABLE("t"));
    const endless = "INSERT INTO t SELECT number, 'x' FROM numbers(100000) WHERE sleepEachRow(0.1) = 0";
    const inserting = running.http("/?query_id=endless", `${endless} SETTINGS max_block_size = 1`).catch(() => "cut");
    await until(async () => {
      const listed = await running.http("/?", "SELECT count() FROM system.processes WHERE query_id = 'endless'");
      return listed.text === "1\n";
    }, "the endless insert runs");
    running.child.process.disconnect();
    await running.child.exited;
    expect(await inserting).toBe("cut");
    const again = await restarted(running);
    expect((await again.http("/?", "SELECT 1")).text).toBe("1\n");
  });

  test("a token stands for its rows: sent twice they are stored once, in the table and behind a view with its own window", async () => {
    const running = await start();
    await running.http("/?", TABLE("t"));
    await running.http("/?", TABLE("copy"));
    await running.http("/?", "CREATE MATERIALIZED VIEW through TO copy AS SELECT id, s FROM t");
    const native = (
      await running.http("/?", "SELECT number AS id, toString(number) AS s FROM numbers(10000) FORMAT Native")
    ).body;
    const insert =
      "/?insert_deduplication_token=range-1&query=INSERT+INTO+t+(id,+s)+SETTINGS+max_threads=1+FORMAT+Native";
    for (let sent = 0; sent < 2; sent += 1) expect((await running.http(insert, native)).status).toBe(200);
    expect((await running.http("/?", "SELECT (SELECT count() FROM t), (SELECT count() FROM copy)")).text).toBe(
      "10000\t10000\n",
    );
    const next = await running.http(insert.replace("range-1", "range-2"), native);
    expect(next.headers["x-clickhouse-summary"]).toContain('"written_rows":"10000"');
    expect((await running.http("/?", "SELECT (SELECT count() FROM t), (SELECT count() FROM copy)")).text).toBe(
      "20000\t20000\n",
    );
  });
});

describe("what was not whole leaves nothing", () => {
  test("an upload that breaks off inserts nothing and leaves no file", async () => {
    const running = await start();
    await running.http("/?", TABLE("t"));
    for (const headers of [{}, { "Content-Encoding": "gzip" }, { "Content-Length": "1000" }]) {
      await new Promise<void>((resolve) => {
        const upload = request(`${running.url}/?query=INSERT+INTO+t+FORMAT+TSV`, { method: "POST", headers });
        upload.on("error", () => resolve());
        upload.on("response", (response) => response.resume().on("close", resolve));
        const rows = Buffer.from("1\tx\n2\ty\n");
        upload.write("Content-Encoding" in headers ? gzipSync(rows).subarray(0, 15) : rows);
        setTimeout(() => upload.destroy(), 50);
        upload.on("close", resolve);
      });
    }
    const uploads = () => scratchFiles(running.dataDir).filter((name) => name.startsWith("rows-"));
    await until(async () => uploads().length === 0, "the files are removed");
    expect((await running.http("/?", "SELECT count() FROM t")).text).toBe("0\n");
  });

  test("scratch files of a killed process are gone after the next start, and all of them after a stop", async () => {
    const running = await start();
    const slow = "SELECT sleepEachRow(0.1) FROM numbers(1000) SETTINGS max_block_size = 1";
    const asked = running.http("/?", slow).catch(() => {});
    await until(async () => scratchFiles(running.dataDir).length > 0, "a pipe is made");
    process.kill(running.child.pid, "SIGKILL");
    await asked;
    const again = await restarted(running);
    expect(scratchFiles(again.dataDir)).toEqual([]);
    await again.child.stop();
    expect(scratchFolders(again.dataDir).filter((folder) => existsSync(folder))).toEqual([]);
  });

  test("a second process on the same data says so and ends", async () => {
    const running = await start();
    const second = startChild(engineFile("warehouse"), { dataDir: running.dataDir, port: 0 });
    await expect(second).rejects.toThrow(/is another process using it\?/);
    expect((await running.http("/?", "SELECT 1")).text).toBe("1\n");
  });
});
