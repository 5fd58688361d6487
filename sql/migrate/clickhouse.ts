import { randomBytes, randomUUID } from "node:crypto";
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { clickhouseSchema } from "./clickhouse-schema.ts";
import { type Database, type Direction, type LedgerRow, type Migration, MigrationError } from "./migration.ts";
import { statementsOf } from "./statements.ts";

export type ClickHouseAddress = { url: string; username?: string; password?: string; database: string };

/** A statement may rewrite a big table: a schema that is only half built is worse than a long wait. */
const STATEMENT_LIMIT_MS = 60 * 60_000;

/**
 * ClickHouse for migrations. It has no transactions, so each statement is announced in the ledger before it runs: what
 * a failure or a kill left half done is known by file and statement, and nothing is built on it. The ledger only grows,
 * by one step at a time; of two runners that write the same step, one at least gives up before it touches anything.
 */
export function openClickHouse(at: ClickHouseAddress): Database {
  const { database } = at;
  const address = `clickhouse at ${new URL(at.url).host}/${database}`;
  const client = connect(at);
  const { database: _, ...noDatabase } = at;
  const server = connect(noDatabase); // who names a missing database is refused, whatever is asked
  const explained = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw explain(address, error);
    });
  return {
    kind: "clickhouse",
    address,
    database,
    ledger: () => explained(readLedger(server, client, database).then(({ rows }) => rows)),
    step: (direction, choose) =>
      explained(
        (async () => {
          const { there, rows, lastStep } = await readLedger(server, client, database);
          const migration = choose(rows);
          if (migration && !there) await makeLedger(server, client, database);
          if (migration) await run(client, direction, migration, { rows, lastStep });
          return migration;
        })(),
      ),
    schema: () => explained(clickhouseSchema(server, database)),
    withScratch: (use) => explained(withScratch(server, at, use)),
    close: async () => {
      await Promise.all([client.close(), server.close()]);
    },
  };
}

const connect = (at: Omit<ClickHouseAddress, "database"> & { database?: string }): ClickHouseClient =>
  createClient({
    url: at.url,
    username: at.username ?? "default",
    password: at.password ?? "",
    ...(at.database !== undefined && { database: at.database }),
    request_timeout: STATEMENT_LIMIT_MS,
    keep_alive: { idle_socket_ttl: 2_000 },
    log: { level: ClickHouseLogLevel.OFF }, // whoever calls gets the error, and says it once
    clickhouse_settings: {
      // A mutation is done when the statement answers, so that the next one builds on it.
      mutations_sync: "2",
      alter_sync: "2",
      // A header now and then, or a load balancer takes a long statement for dead; few, for Node reads 16 KB of them.
      send_progress_in_http_headers: 1,
      http_headers_progress_interval_ms: "110000",
    },
  });

async function makeLedger(server: ClickHouseClient, client: ClickHouseClient, database: string): Promise<void> {
  await server.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoted(database)}` });
  await client.command({
    query: `CREATE TABLE IF NOT EXISTS schema_migrations (
      version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC'), state LowCardinality(String),
      statement UInt32, step UInt64, runner UUID
    ) ENGINE = MergeTree ORDER BY step`,
  });
}

type State = LedgerRow["state"] | "claimed" | "reverted";
type Step = Omit<LedgerRow, "state" | "appliedAt"> & { state: State; applied_at: string };

/** The newest word on each version. `claimed` says only that a runner was about to begin. */
async function readLedger(
  server: ClickHouseClient,
  client: ClickHouseClient,
  database: string,
): Promise<{ there: boolean; rows: LedgerRow[]; lastStep: number }> {
  const found = await server.query({
    query: "SELECT 1 FROM system.tables WHERE database = {database: String} AND name = 'schema_migrations'",
    query_params: { database },
    format: "JSONEachRow",
  });
  if ((await found.json()).length === 0) return { there: false, rows: [], lastStep: 0 };
  const answer = await client.query({
    query:
      // Of one step by two runners, who is at work counts, not who gave up.
      "SELECT version, name, checksum, applied_at, state, statement, toUInt32(step) AS step FROM schema_migrations ORDER BY step, state IN ('started', 'reverting')",
    format: "JSONEachRow",
  });
  const steps = await answer.json<Step & { step: number }>();
  const newest = new Map<number, LedgerRow>();
  for (const { step: _, state, applied_at, ...rest } of steps) {
    if (state === "reverted") newest.delete(rest.version);
    else if (state !== "claimed")
      newest.set(rest.version, { ...rest, state, appliedAt: new Date(`${applied_at.replace(" ", "T")}Z`) });
  }
  const rows = [...newest.values()].sort((a, b) => a.version - b.version);
  return { there: true, rows, lastStep: steps.at(-1)?.step ?? 0 };
}

async function run(
  client: ClickHouseClient,
  direction: Direction,
  migration: Migration,
  found: { rows: LedgerRow[]; lastStep: number },
): Promise<void> {
  const { version, name, checksum } = migration;
  const file = `${migration.path}.${direction}.sql`;
  const statements = split(file, migration[direction]);
  const runner = randomUUID();
  let step = found.lastStep;
  const say = async (state: State, statement: number) => {
    step += 1;
    const applied_at = new Date().toISOString().replace("T", " ").replace("Z", "");
    const values = [{ version, name, checksum, applied_at, state, statement, step, runner }];
    await client.insert({ table: "schema_migrations", values, format: "JSONEachRow" });
  };
  /** Of two that wrote the same step, whoever looks last sees both. */
  const expectAlone = async () => {
    const others = await client.query({
      query: "SELECT 1 FROM schema_migrations WHERE step = {step: UInt64} AND runner != {runner: UUID}",
      query_params: { step, runner },
      format: "JSONEachRow",
    });
    if ((await others.json()).length === 0) return;
    throw new MigrationError(`${file}: another migration is running; try again when it is done`);
  };

  await say("claimed", 0);
  await expectAlone();
  for (const [index, statement] of statements.entries()) {
    await say(direction === "up" ? "started" : "reverting", index + 1);
    // Who read the ledger after our claim has claimed this very step; who reads it from here on finds us at work.
    if (index === 0)
      await expectAlone().catch(async (error: unknown) => {
        const before = found.rows.find((row) => row.version === version);
        await say(before?.state ?? "reverted", before?.statement ?? 0); // nothing ran: it is what it was
        throw error;
      });
    await client.command({ query: statement }).catch((error: unknown) => {
      if (!(error instanceof ClickHouseError)) throw error;
      const where = `statement ${index + 1} of ${statements.length}`;
      const after = `what came before it stays, and \`npm run migrate -- down --only clickhouse\` undoes it`;
      throw new MigrationError(`${file}: ${where} failed: ${error.message}; ${after}`, { cause: error });
    });
  }
  await say(direction === "up" ? "applied" : "reverted", statements.length);
}

function split(file: string, text: string): string[] {
  try {
    return statementsOf(text);
  } catch (error) {
    if (error instanceof MigrationError) throw new MigrationError(`${file}, ${error.message}`, { cause: error });
    throw error;
  }
}

async function withScratch<T>(
  server: ClickHouseClient,
  at: ClickHouseAddress,
  use: (scratch: Database) => Promise<T>,
): Promise<T> {
  const name = `millrace_verify_${randomBytes(6).toString("hex")}`;
  const scratch = openClickHouse({ ...at, database: name });
  try {
    return await use(scratch);
  } finally {
    await scratch.close();
    await server.command({ query: `DROP DATABASE IF EXISTS ${quoted(name)} SYNC` });
  }
}

const quoted = (name: string): string => `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;

/** What a person can do about it; anything else passes as it is. */
function explain(address: string, error: unknown): unknown {
  if (error instanceof MigrationError) return error;
  const { message = "", code = "" } = error as { message?: string; code?: string };
  if (error instanceof ClickHouseError) return new MigrationError(`${address}: ${message}`, { cause: error });
  return new MigrationError(`${address} cannot be reached: ${message || code}; CLICKHOUSE_URL says where it is`, {
    cause: error,
  });
}
