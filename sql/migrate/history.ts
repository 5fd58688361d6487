import { type EngineKind, type LedgerRow, type Migration, MigrationError } from "./migration.ts";

export type State = "applied" | "pending" | "half applied" | "half reverted" | "changed" | "file missing";
export type Entry = {
  version: number;
  name: string;
  state: State;
  appliedAt: Date | undefined;
  /** What is wrong and the way out; only where something is. */
  problem: string | undefined;
};

/** Files and ledger side by side, in order. */
export function historyOf(kind: EngineKind, migrations: Migration[], ledger: LedgerRow[]): Entry[] {
  const rows = new Map(ledger.map((row) => [row.version, row]));
  const newest = ledger.at(-1)?.version ?? 0;
  const filed = migrations.map((migration) => {
    const { version, name } = migration;
    const row = rows.get(version);
    const [state, problem] = row ? appliedState(kind, migration, row) : pendingState(migration, newest);
    return { version, name, state, appliedAt: row?.appliedAt, problem };
  });
  const lost = ledger.filter((row) => row.version > migrations.length);
  return [...filed, ...lost.map((row) => lostEntry(kind, row))];
}

/** The first that is not applied. Throws for anything that is not as it should be: nothing is built on doubtful ground. */
export function nextUp(kind: EngineKind, migrations: Migration[], ledger: LedgerRow[]): Migration | undefined {
  const history = historyOf(kind, migrations, ledger);
  refuse(history);
  const pending = history.find((entry) => entry.state === "pending");
  return migrations.find((migration) => migration.version === pending?.version);
}

/** The newest that is applied. Half applied or half reverted will do as well: reverting is the way out of both. */
export function nextDown(kind: EngineKind, migrations: Migration[], ledger: LedgerRow[]): Migration | undefined {
  const newest = ledger.at(-1)?.version;
  const half = (entry: Entry) => entry.state === "half applied" || entry.state === "half reverted";
  refuse(historyOf(kind, migrations, ledger).filter((entry) => !(entry.version === newest && half(entry))));
  return migrations.find((migration) => migration.version === newest);
}

function refuse(history: Entry[]): void {
  const problems = history.flatMap((entry) => entry.problem ?? []);
  if (problems.length > 0) throw new MigrationError(problems.join("\n"));
}

type Verdict = [state: State, problem?: string];

function pendingState({ path, version }: Migration, newest: number): Verdict {
  if (version > newest) return ["pending"];
  return ["pending", `${path}.up.sql: it is not applied, but a later one is; give it the next free number`];
}

function appliedState(kind: EngineKind, { path, name, checksum }: Migration, row: LedgerRow): Verdict {
  const up = `${path}.up.sql`;
  const down = `${path}.down.sql`;
  const stopped = `stopped at statement ${row.statement} (or another runner is at it right now)`;
  const wayOut = `run ${down} with \`npm run migrate -- down --only ${kind}\``;
  if (row.state === "started")
    return ["half applied", `${up}: half applied, ${stopped}; ${wayOut}, mend what failed, and apply it again`];
  if (row.state === "reverting")
    return ["half reverted", `${down}: half reverted, ${stopped}; mend what failed and ${wayOut} again`];
  const since = `when it was applied on ${row.appliedAt.toISOString()}`;
  if (row.name !== name) return ["changed", `${up}: its name was ${row.name} ${since}; give it that name again`];
  if (row.checksum !== checksum)
    return ["changed", `${up}: it read otherwise ${since}; put that back, and make the change a new migration`];
  return ["applied"];
}

function lostEntry(kind: EngineKind, { version, name, appliedAt }: LedgerRow): Entry {
  const file = `sql/${kind}/${String(version).padStart(4, "0")}_${name}.up.sql`;
  const problem = `${file}: the file is missing, but the database has it applied; bring it back from version control`;
  return { version, name, state: "file missing", appliedAt, problem };
}
