import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { openClickHouse } from "../../../sql/migrate/clickhouse.ts";
import { folderOf, readMigrations } from "../../../sql/migrate/files.ts";
import { migrateUp } from "../../../sql/migrate/run.ts";
import { startWarehouse, type Warehouse } from "../../../stacks/local/engines/warehouse/start-for-test.ts";
import { log } from "../../kit/log.ts";
import { seqOf } from "../builders.ts";
import { type Meddle, startLine } from "./line.ts";
import { idsOf, openWriterSystem, recordsOf, type WriterSystem } from "./writer-system.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

let system: WriterSystem;
let line: Awaited<ReturnType<typeof startLine>>;
beforeAll(async () => {
  const engines = inject("engines");
  [system, line] = await Promise.all([openWriterSystem(engines), startLine(engines.warehouse.url)]);
});
afterAll(async () => {
  await line?.close();
  await system?.close();
});
afterEach(() => line.meddle());

/** The first so many inserts meet it, then they pass. */
const inserts = (count: number, meddle: Meddle): Meddle => {
  let met = 0;
  return async (request) => {
    if (request.isInsert && met++ < count) return meddle(request);
    request.answer(await request.pass());
  };
};
const LATE_ERROR = Buffer.from("Code: 241. DB::Exception: Memory limit exceeded: (MEMORY_LIMIT_EXCEEDED)\n");

describe("F21 a connection that is reset behind an insert that was sent", () => {
  test.each<[string, number, boolean]>([
    ["and was done: the same token again, at once, is one copy", 1, true],
    ["and was not done: it is done then", 1, false],
    ["twice, and was done: the batch comes again, and finds all of it", 2, true],
    ["twice, and was not done: the batch comes again, and stores it", 2, false],
  ])("%s", async (name, times, isDone) => {
    const [shard, tokens] = [`f21 ${name.replaceAll(":", "")}`, new Set<string>()];
    const deliver = system.writer({}, line.url);
    line.meddle(
      inserts(times, async ({ pass, reset, token }) => {
        tokens.add(token ?? "");
        if (isDone) await pass();
        reset();
      }),
    );
    const records = recordsOf(shard, 10);
    expect(await deliver(records)).toBe(times === 1 ? undefined : seqOf(0));
    expect(tokens.size).toBe(1);
    for (const cut of [records, records.slice(4)]) expect(await deliver(cut)).toBeUndefined();
    expect(await system.ids(shard)).toEqual(idsOf(shard, 10));
  });
});

describe("F22 a keep-alive connection that the server closed during a freeze", () => {
  test("costs one transparent repeat, of the read-back and of the insert, and the batch is stored once", async () => {
    const deliver = system.writer({}, line.url);
    expect(await deliver(recordsOf("f22-warm", 1))).toBeUndefined();
    const reset = { reads: 0, inserts: 0 };
    line.meddle(async (request) => {
      const kind = request.isInsert ? "inserts" : "reads";
      if (request.isReused && reset[kind] === 0) {
        reset[kind]++;
        return request.reset();
      }
      request.answer(await request.pass());
    });
    expect(await deliver(recordsOf("f22", 5))).toBeUndefined();
    expect(reset).toEqual({ reads: 1, inserts: 1 });
    expect(await system.ids("f22")).toEqual(idsOf("f22", 5));
  });
});

describe("F24 an answer of 200 with an exception in its body", () => {
  test.each<[string, Record<string, string>, Buffer, boolean]>([
    ["behind rows that were stored", {}, LATE_ERROR, true],
    ["and nothing was stored", {}, LATE_ERROR, false],
    ["and a header that says so", { "x-clickhouse-exception-code": "241" }, Buffer.alloc(0), false],
  ])("%s is not success: the batch comes again and is stored once", async (name, headers, body, isDone) => {
    const shard = `f24 ${name}`;
    const deliver = system.writer({}, line.url);
    line.meddle(
      inserts(1, async ({ pass, answer }) => {
        if (isDone) await pass();
        answer({ status: 200, headers, body });
      }),
    );
    const records = recordsOf(shard, 6);
    expect(await deliver(records)).toBe(seqOf(0));
    expect(await system.ids(shard)).toHaveLength(isDone ? 6 : 0);
    expect(await deliver(records)).toBeUndefined();
    expect(await system.ids(shard)).toEqual(idsOf(shard, 6));
  });
});

test("F21 a server that is killed during inserts and comes back: each batch is stored once", async () => {
  let server: Warehouse = await startWarehouse();
  const own = await startLine(server.url);
  try {
    const { database } = system.settings.clickhouse;
    await server.http("/?", `CREATE DATABASE ${database}`);
    const migrations = openClickHouse({ url: server.url, database: database ?? "" });
    await migrateUp(migrations, await readMigrations(folderOf("clickhouse")));
    await migrations.close();
    const deliver = system.writer({}, own.url);
    const records = recordsOf("f21-killed", 20);
    // Killed while it works on an insert, and when it was done and had not said so.
    const moments: Meddle[] = [
      async ({ pass }) => {
        const passing = pass();
        await new Promise((resolve) => setTimeout(resolve, 15));
        process.kill(server.child.pid, "SIGKILL");
        await passing;
      },
      async ({ pass }) => {
        await pass();
        process.kill(server.child.pid, "SIGKILL");
      },
    ];
    for (const [at, moment] of moments.entries()) {
      own.meddle(
        inserts(1, async (request) => {
          await moment(request).catch(() => {});
          request.reset();
        }),
      );
      const batch = records.slice(at * 10, at * 10 + 10);
      expect(await deliver(batch)).toBe(seqOf(at * 10));
      server = await server.again();
      own.to(server.url);
      expect(await deliver(batch)).toBeUndefined();
    }
    for (const cut of [7, 20]) expect(await deliver(records.slice(0, cut))).toBeUndefined();
    const query = `SELECT message_id FROM ${database}.events WHERE _shard = 'f21-killed' ORDER BY _seq FORMAT TSV`;
    expect((await server.http("/?", query)).text.trim().split("\n")).toEqual(idsOf("f21-killed", 20));
  } finally {
    await own.close();
    await server.stop();
  }
});
