import { randomBytes } from "node:crypto";
import { createClient } from "@clickhouse/client";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { type FreshPostgres, freshPostgres } from "../../functions/testing/fresh-postgres.ts";
import { openClickHouse } from "./clickhouse.ts";
import { folderOf, readMigrations } from "./files.ts";
import { historyOf } from "./history.ts";
import { type Database, ENGINE_KINDS, type EngineKind, type Migration } from "./migration.ts";
import { openPostgres } from "./postgres.ts";
import { migrateDown, migrateUp } from "./run.ts";
import { verifySchema } from "./verify.ts";

vi.setConfig({ testTimeout: 300_000 }); // many small statements, each on disk before the next

/** A database of the test's own, and a second way into it. */
type Bench = {
  database: Database;
  again: () => Database;
  run: (statement: string) => Promise<unknown>;
  drop: () => Promise<void>;
};

const benches: Record<EngineKind, () => Promise<Bench>> = { postgres: onPostgres, clickhouse: onClickHouse };

async function onPostgres(): Promise<Bench> {
  const fresh: FreshPostgres = await freshPostgres(inject("engines").database.url, "empty");
  const sql = postgres(fresh.url, { max: 1, onnotice: () => {} });
  return {
    database: openPostgres(fresh.url),
    again: () => openPostgres(fresh.url),
    run: (statement) => sql.unsafe(statement),
    drop: async () => {
      await sql.end();
      await fresh.drop();
    },
  };
}

async function onClickHouse(): Promise<Bench> {
  const { url } = inject("engines").warehouse;
  const at = { url, database: `test_${randomBytes(6).toString("hex")}` };
  const client = createClient({ url, database: at.database });
  const server = createClient({ url });
  return {
    database: openClickHouse(at), // which makes it on the first up
    again: () => openClickHouse(at),
    run: (query) => client.command({ query }),
    drop: async () => {
      await server.command({ query: `DROP DATABASE IF EXISTS ${at.database} SYNC` });
      await client.close();
      await server.close();
    },
  };
}

const migration = (version: number, up: string, down: string): Migration => ({
  ...{ version, name: `step${version}`, path: `sql/x/000${version}_step${version}`, checksum: `sum of ${up}` },
  ...{ up, down },
});

/** Two small migrations in each engine's words. */
const SMALL: Record<EngineKind, Migration[]> = {
  postgres: [
    migration(1, "create table a (x int not null);\ncreate index a_x on a (x);", "drop table a;"),
    migration(2, "alter table a add y text default ';';", "alter table a drop y;"),
  ],
  clickhouse: [
    migration(
      1,
      "CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x;\nCREATE VIEW v AS SELECT x FROM a;",
      "DROP VIEW IF EXISTS v; DROP TABLE IF EXISTS a",
    ),
    migration(
      2,
      "ALTER TABLE a ADD COLUMN IF NOT EXISTS y String DEFAULT ';'",
      "ALTER TABLE a DROP COLUMN IF EXISTS y",
    ),
  ],
};

describe.each(ENGINE_KINDS)("%s", (kind) => {
  const small = SMALL[kind];
  let bench: Bench;
  beforeEach(async () => {
    bench = await benches[kind]();
  });
  afterEach(async () => {
    await bench.database.close();
    await bench.drop();
  });

  test("every migration of the repository is undone by its down file, one by one", async () => {
    const { database } = bench;
    const migrations = await readMigrations(folderOf(kind));
    const before: unknown[] = [];
    for (const [index] of migrations.entries()) {
      before.push(await database.schema());
      await migrateUp(database, migrations.slice(0, index + 1));
    }
    expect(await verifySchema(database, migrations)).toEqual([]);
    for (const schema of before.reverse()) {
      await migrateDown(database, migrations);
      expect(await database.schema()).toEqual(schema);
    }
    expect((await database.schema()).parts.size).toBe(0);
    expect(await migrateDown(database, migrations)).toBeUndefined();
    await migrateUp(database, migrations); // and nothing is in the way of doing it all again
    expect(await verifySchema(database, migrations)).toEqual([]);
  });

  test("up applies what is pending, once, and the ledger says when", async () => {
    const { database } = bench;
    expect(await database.ledger()).toEqual([]);
    expect(await migrateUp(database, small.slice(0, 1))).toEqual(small.slice(0, 1));
    expect(await migrateUp(database, small)).toEqual(small.slice(1));
    expect(await migrateUp(database, small)).toEqual([]);
    const history = historyOf(kind, small, await database.ledger());
    expect(history.map(({ state }) => state)).toEqual(["applied", "applied"]);
    for (const { appliedAt } of history)
      expect(Math.abs(Date.now() - (appliedAt?.getTime() ?? 0))).toBeLessThan(600_000);
  });

  test("down takes back one step, which can be applied again", async () => {
    const { database } = bench;
    await migrateUp(database, small);
    expect(await migrateDown(database, small)).toEqual(small[1]);
    expect((await database.ledger()).map(({ version }) => version)).toEqual([1]);
    expect((await database.schema()).columns.get("a")).toEqual(["x"]);
    expect(await migrateUp(database, small)).toEqual(small.slice(1));
  });

  test("changed history is refused, and nothing runs", async () => {
    const { database } = bench;
    await migrateUp(database, small.slice(0, 1));
    const changed = [{ ...migration(1, "select 1", "select 1") }, ...small.slice(1)];
    await expect(migrateUp(database, changed)).rejects.toThrow("0001_step1.up.sql: it read otherwise");
    await expect(migrateDown(database, changed)).rejects.toThrow("0001_step1.up.sql: it read otherwise");
    expect((await database.schema()).columns.get("a")).toEqual(["x"]);
  });

  test("two runners at the same time apply each migration once", async () => {
    const other = bench.again();
    const results = await Promise.allSettled([migrateUp(bench.database, small), migrateUp(other, small)]);
    await other.close();
    const refused = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
    for (const reason of refused) expect(reason).toMatch(/another migration is running|half applied/);
    await migrateUp(bench.database, small); // whoever gave up may come again
    const applied = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    expect(new Set(applied).size).toBe(applied.length);
    expect(await verifySchema(bench.database, small)).toEqual([]);
  });

  test("verify names what is pending, and what somebody changed by hand", async () => {
    const { database, run } = bench;
    await migrateUp(database, small.slice(0, 1));
    expect(await verifySchema(database, small)).toEqual(["sql/x/0002_step2.up.sql is not applied"]);
    await migrateUp(database, small);
    const change = {
      postgres: [
        "alter table a alter x type bigint",
        "alter table a alter x drop not null",
        "alter table a add z int",
        "drop index a_x",
      ],
      clickhouse: [
        "ALTER TABLE a MODIFY COLUMN y LowCardinality(String)",
        "ALTER TABLE a ADD COLUMN z Int8",
        "DROP VIEW v",
        "ALTER TABLE a MODIFY SETTING merge_with_ttl_timeout = 7",
      ],
    }[kind];
    for (const statement of change) await run(statement);
    const name = database.database;
    expect(await verifySchema(database, small)).toEqual(
      {
        postgres: [
          `${name}.a column x: bigint, files say integer not null`,
          `${name}.a column z: integer, not in the files`,
          `${name}.a index a_x: missing, files say CREATE INDEX a_x ON public.a USING btree (x)`,
        ],
        clickhouse: [
          `${name}.a column y: LowCardinality(String) DEFAULT ';', files say String DEFAULT ';'`,
          `${name}.a column z: Int8, not in the files`,
          `${name}.a settings: index_granularity = 8192, merge_with_ttl_timeout = 7, files say index_granularity = 8192`,
          `${name}.v: missing, files say View AS SELECT x FROM ${name}.a`,
          `${name}.v column x: missing, files say Int32`,
        ],
      }[kind],
    );
  });

  test("an address where nobody answers is named, without its password", async () => {
    const nobody =
      kind === "postgres"
        ? openPostgres("postgres://me:geheim@127.0.0.1:1/db")
        : openClickHouse({ url: "http://127.0.0.1:1", username: "me", password: "geheim", database: "db" });
    const error = await nobody.ledger().catch((caught) => caught);
    await nobody.close();
    expect(error.message).toMatch(
      new RegExp(`^${kind} at 127.0.0.1:1/db cannot be reached: .*${kind.toUpperCase()}_URL`),
    );
    expect(error.message).not.toContain("geheim");
  });
});

describe("postgres keeps all of a file or nothing of it", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await onPostgres();
  });
  afterAll(async () => {
    await bench.database.close();
    await bench.drop();
  });

  test("a failing statement undoes those before it, and the error names file and line", async () => {
    const broken = [migration(1, "create table kept (x int);\n\ncreate table a (x nosuchtype);", "drop table a;")];
    const failed = migrateUp(bench.database, broken);
    await expect(failed).rejects.toThrow(
      `sql/x/0001_step1.up.sql, line 3: type "nosuchtype" does not exist; nothing of the file was kept`,
    );
    expect(await bench.database.ledger()).toEqual([]);
    expect((await bench.database.schema()).parts.size).toBe(0);
  });
});

describe("clickhouse, which has no transactions", () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await onClickHouse();
  });
  afterEach(async () => {
    await bench.database.close();
    await bench.drop();
  });
  const FAILS = [
    migration(
      1,
      "CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x; SELECT * FROM nosuchtable; SELECT 3",
      "DROP TABLE IF EXISTS a",
    ),
  ];

  test("a failing statement is named by number, stays in the ledger, and down is the way out", async () => {
    const { database } = bench;
    await expect(migrateUp(database, FAILS)).rejects.toThrow(
      /^sql\/x\/0001_step1\.up\.sql: statement 2 of 3 failed: .*nosuchtable/s,
    );
    const again = migrateUp(database, FAILS);
    await expect(again).rejects.toThrow("sql/x/0001_step1.up.sql: half applied, stopped at statement 2");
    expect(await verifySchema(database, FAILS)).toEqual([
      expect.stringContaining("half applied, stopped at statement 2"),
    ]);
    await migrateDown(database, FAILS);
    expect([await database.ledger(), (await database.schema()).parts.size]).toEqual([[], 0]);
    const mended = [migration(1, "CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x", "DROP TABLE IF EXISTS a")];
    expect(await migrateUp(database, mended)).toEqual(mended);
  });

  test("a failing down file leaves it half reverted, and down goes on from there once it is mended", async () => {
    const { database } = bench;
    const up = "CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x";
    await migrateUp(database, [migration(1, up, "")]);
    const failing = [migration(1, up, "DROP TABLE IF EXISTS a; DROP VIEW nosuchview")];
    await expect(migrateDown(database, failing)).rejects.toThrow("sql/x/0001_step1.down.sql: statement 2 of 2 failed");
    await expect(migrateUp(database, failing)).rejects.toThrow(
      "0001_step1.down.sql: half reverted, stopped at statement 2",
    );
    const mended = [migration(1, up, "DROP TABLE IF EXISTS a; DROP VIEW IF EXISTS nosuchview")];
    expect(await migrateDown(database, mended)).toEqual(mended[0]);
    expect(await database.ledger()).toEqual([]);
  });

  test("every down file of the repository runs where its own up did nothing, so it can undo a half applied one", async () => {
    const migrations = await readMigrations(folderOf("clickhouse"));
    for (let last = 1; last <= migrations.length; last++) {
      const stopped = migrations
        .slice(0, last)
        .map((each, at) => (at === last - 1 ? { ...each, up: "SELECT 1" } : each));
      await migrateUp(bench.database, stopped);
      for (const _ of stopped) await migrateDown(bench.database, stopped);
    }
    expect(await bench.database.ledger()).toEqual([]);
  });

  test("a constraint or comment that no part names is shown as the whole statement", async () => {
    const one = [
      migration(
        1,
        "CREATE TABLE a (x Int32, CONSTRAINT c CHECK x > 0) ENGINE = MergeTree ORDER BY x",
        "DROP TABLE IF EXISTS a",
      ),
    ];
    await migrateUp(bench.database, one);
    expect(await verifySchema(bench.database, one)).toEqual([]);
    await bench.run("ALTER TABLE a DROP CONSTRAINT c");
    const [line, ...more] = await verifySchema(bench.database, one);
    expect(more).toEqual([]);
    expect(line).toMatch(/\.a: CREATE TABLE .*, files say CREATE TABLE .*CONSTRAINT c CHECK x > 0/);
  });

  test("a view that is refreshed at other times is named, and down takes it back while it is at work", async () => {
    const one = [
      migration(
        1,
        `CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x;
        CREATE MATERIALIZED VIEW v REFRESH EVERY 1 SECOND APPEND TO a AS SELECT sleep(0.5) AS x`,
        "DROP VIEW IF EXISTS v SYNC; DROP TABLE IF EXISTS a SYNC",
      ),
    ];
    await migrateUp(bench.database, one);
    expect(await verifySchema(bench.database, one)).toEqual([]);
    await bench.run("ALTER TABLE v MODIFY REFRESH EVERY 2 HOUR APPEND");
    const name = bench.database.database;
    expect(await verifySchema(bench.database, one)).toEqual([
      `${name}.v refresh: EVERY 2 HOUR APPEND TO ${name}.a, files say EVERY 1 SECOND APPEND TO ${name}.a`,
    ]);
    await migrateDown(bench.database, one);
    expect((await bench.database.schema()).parts.size).toBe(0);
  });

  test("an unclosed string is found before anything runs, with file and line", async () => {
    const torn = [migration(1, "CREATE TABLE a (x Int32) ENGINE = MergeTree ORDER BY x;\nSELECT 'torn;", "")];
    await expect(migrateUp(bench.database, torn)).rejects.toThrow(
      "sql/x/0001_step1.up.sql, line 2: ' is opened and never closed",
    );
    expect([await bench.database.ledger(), (await bench.database.schema()).parts.size]).toEqual([[], 0]);
  });
});
