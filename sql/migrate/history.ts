import { type LedgerRow, type Migration, MigrationError } from "./migration.ts";

export type State = "applied" | "pending" | "half applied" | "half reverted" | "changed" | "file missing";
export type Entry = {
  version: number;
  title: string;
  state: State;
  appliedAt: Date | undefined;
  /** What is wrong and the way out; only where something is. */
  problem: string | undefined;
};

/** Files and ledger side by side, in order. Pure. */
export function historyOf(migrations: Migration[], ledger: LedgerRow[], folder: string): Entry[] {
  const rows = new Map(ledger.map((row) => [row.version, row]));
  const newest = ledger.at(-1)?.version ?? 0;
  const filed = migrations.map((migration) => entryOf(migration, rows.get(migration.version), newest, folder));
  const lost = ledger.filter((row) => row.version > migrations.length).map((row) => lostEntry(row, folder));
  return [...filed, ...lost];
}

/** The next one to apply. Throws for anything that is not as it should be: nothing is built on a doubtful ground. */
export function nextUp(migrations: Migration[], ledger: LedgerRow[], folder: string): Migration | undefined {
  const history = historyOf(migrations, ledger, folder);
  refuse(history);
  const pending = history.find((entry) => entry.state === "pending");
  return migrations.find((migration) => migration.version === pending?.version);
}

/**
 * The newest one that is applied. One that is half applied, or half reverted, may be reverted too: that is the way out of it.
 */
export function nextDown(migrations: Migration[], ledger: LedgerRow[], folder: string): Migration | undefined {
  const last = ledger.at(-1);
  refuse(historyOf(migrations, ledger, folder).filter((entry) => entry.version !== last?.version || entry.state === "file missing"));
  return migrations.find((migration) => migration.version === last?.version);
}

function refuse(history: Entry[]): void {
  const problems = history.flatMap((entry) => entry.problem ?? []);
  if (problems.length > 0) throw new MigrationError(problems.join("\n"));
}

function entryOf(migration: Migration, row: LedgerRow | undefined, newest: number, folder: string): Entry {
  const { version, title } = migration;
  const entry = (state: State, problem?: string): Entry => ({ version, title, state, appliedAt: row?.appliedAt, problem });
  const up = `${folder}/${title}.up.sql`;
  const down = `${folder}/${title}.down.sql`;
  if (!row && version < newest)
    return entry("pending", `${up}: it is not applied, but a later one is; give it the next free number`);
  if (!row) return entry("pending");
  const wayOut = `\`npm run migrate -- down --only ${kindOf(folder)}\` runs ${title}.down.sql, then it can be applied again`;
  if (row.state === "started")
    return entry("half applied", `${up}: half applied, it stopped at statement ${row.statement}; ${wayOut}`);
  if (row.state === "reverting")
    return entry("half reverted", `${down}: half reverted, it stopped at statement ${row.statement}; mend that file if it is at fault; ${wayOut}`);
  if (row.name !== migration.name)
    return entry("changed", `${up}: number ${version} was applied under the name ${row.name}; give the file its old name again`);
  if (row.checksum !== migration.checksum)
    return entry("changed", `${up}: changed since it was applied on ${row.appliedAt.toISOString()}; put back what was applied and make the change a new migration`);
  return entry("applied");
}

function lostEntry(row: LedgerRow, folder: string): Entry {
  const title = `${String(row.version).padStart(4, "0")}_${row.name}`;
  const problem = `${folder}/${title}.up.sql: it is applied in the database, but the file is missing; take it back from version control`;
  return { version: row.version, title, state: "file missing", appliedAt: row.appliedAt, problem };
}
