/** The databases that have migrations: one folder of `sql/` each. */
export const ENGINE_KINDS = ["postgres", "clickhouse"] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** One numbered change: what `0001_<name>.up.sql` and `0001_<name>.down.sql` hold. */
export type Migration = {
  version: number;
  name: string;
  /** `sql/postgres/0001_<name>`; messages add `.up.sql` or `.down.sql`. */
  path: string;
  up: string;
  down: string;
  /** SHA-256 of `up` in hexadecimal, line ends as \n. `down` may be mended later without changing history. */
  checksum: string;
};

/**
 * What the ledger, the table `schema_migrations` of each database, says of one migration. Only ClickHouse, which has no
 * transactions, is ever between: `started` or `reverting`, with the number of the statement it came to (1 = first).
 */
export type LedgerRow = {
  version: number;
  name: string;
  checksum: string;
  appliedAt: Date;
  state: "applied" | "started" | "reverting";
  statement: number;
};

export type Direction = "up" | "down";
/** Decides from the ledger what to do next; undefined = nothing. Throws a MigrationError to refuse. */
export type Choose = (ledger: LedgerRow[]) => Migration | undefined;

/**
 * A schema in words: what there is (`events column user_id` → `String`), the order of each table's columns, and, where
 * the engine keeps it, the whole statement that makes a table, for what `parts` has no name for.
 */
export type Schema = { parts: Map<string, string>; columns: Map<string, string[]>; whole: Map<string, string> };

/** What the commands need of a database. One per engine, made from its address. */
export type Database = {
  kind: EngineKind;
  /** Host, port and database for people; never a password. */
  address: string;
  /** Its own name, without the host. */
  database: string;
  /** The ledger by version; empty when there is none yet. */
  ledger: () => Promise<LedgerRow[]>;
  /**
   * Reads the ledger and runs the file that `choose` wants of it, both as one: no other runner comes between.
   * Postgres keeps all of a file or nothing of it. Returns what was run.
   */
  step: (direction: Direction, choose: Choose) => Promise<Migration | undefined>;
  schema: () => Promise<Schema>;
  /** Lends an empty database of its own on the same server, and drops it afterwards. */
  withScratch: <T>(use: (scratch: Database) => Promise<T>) => Promise<T>;
  close: () => Promise<void>;
};

/** What a person has to mend: a file, the ledger, an address. Its message says what and how. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}
