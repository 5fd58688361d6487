import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Database, type Direction, type LedgerRow, type Migration, MigrationError } from "./migration.ts";
import { postgresSchema } from "./postgres-schema.ts";

/** Any number, the same in every runner: the advisory lock of migrations. */
const LOCK = 7_225_141;
const LOCK_WAIT_MS = 60_000;

const LEDGER = `create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  state text not null default 'applied'
)`;

/**
 * Postgres for migrations, on one connection. A file and its ledger row are one transaction, which begins with a lock
 * that every runner takes: a second one waits up to a minute, and then finds the work done.
 */
export function openPostgres(url: string): Database {
  const { host, pathname } = new URL(url);
  const database = decodeURIComponent(pathname.slice(1));
  const address = `postgres at ${host}${pathname}`;
  const sql = postgres(url, {
    max: 1,
    onnotice: () => {},
    connect_timeout: 10,
    connection: { application_name: "millrace migrate", lock_timeout: LOCK_WAIT_MS, statement_timeout: 0 },
  });
  const explained = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw explain(address, error);
    });
  return {
    kind: "postgres",
    address,
    database,
    ledger: () => explained(sql.begin("read only", readLedger)),
    step: (direction, choose) =>
      explained(
        sql.begin(async (tx) => {
          await tx`select pg_advisory_xact_lock(${LOCK})`;
          if (direction === "up") await tx.unsafe(LEDGER);
          const migration = choose(await readLedger(tx));
          if (migration) await run(tx, direction, migration);
          return migration;
        }),
      ) as Promise<Migration | undefined>,
    schema: () => explained(postgresSchema(sql)),
    withScratch: (use) => explained(withScratch(sql, url, use)),
    close: () => sql.end({ timeout: 5 }),
  };
}

async function readLedger(tx: postgres.TransactionSql): Promise<LedgerRow[]> {
  const [found] = await tx<{ there: boolean }[]>`select to_regclass('schema_migrations') is not null as there`;
  if (!found?.there) return [];
  return tx<LedgerRow[]>`
    select version, name, checksum, applied_at as "appliedAt", state, 0 as statement
    from schema_migrations order by version`;
}

async function run(tx: postgres.TransactionSql, direction: Direction, migration: Migration): Promise<void> {
  const { version, name, checksum, path } = migration;
  const text = migration[direction];
  await tx.unsafe(text).catch((error: unknown) => {
    if (!(error instanceof postgres.PostgresError)) throw error;
    const line = error.position ? `, line ${text.slice(0, Number(error.position)).split("\n").length}` : "";
    const file = `${path}.${direction}.sql`;
    throw new MigrationError(`${file}${line}: ${error.message}; nothing of the file was kept`, { cause: error });
  });
  if (direction === "up")
    await tx`insert into schema_migrations (version, name, checksum) values (${version}, ${name}, ${checksum})`;
  else await tx`delete from schema_migrations where version = ${version}`;
}

async function withScratch<T>(sql: postgres.Sql, url: string, use: (scratch: Database) => Promise<T>): Promise<T> {
  const name = `millrace_verify_${randomBytes(6).toString("hex")}`;
  const scratchUrl = new URL(url);
  scratchUrl.pathname = name;
  await sql`create database ${sql(name)} template template0`;
  const scratch = openPostgres(scratchUrl.href);
  try {
    return await use(scratch);
  } finally {
    await scratch.close();
    await sql`drop database ${sql(name)} with (force)`;
  }
}

/** What a person can do about it; anything else passes as it is. */
function explain(address: string, error: unknown): unknown {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (error instanceof MigrationError) return error;
  if (code === "55P03")
    return new MigrationError(`${address} is locked by another migration; try again when that is done`, {
      cause: error,
    });
  if (code === "42501")
    return new MigrationError(`${address} does not allow this to its user: ${message}`, { cause: error });
  if (!(error instanceof postgres.PostgresError) || /^(08|28|3D|57P)/.test(code))
    return new MigrationError(`${address} cannot be reached: ${message || code}; POSTGRES_URL says where it is`, {
      cause: error,
    });
  return error;
}
