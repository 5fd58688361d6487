import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { openDatabase } from "./migrate/addresses.ts";
import { folderOf, newMigration, readMigrations } from "./migrate/files.ts";
import { type Entry, historyOf, nextDown } from "./migrate/history.ts";
import { type Database, ENGINE_KINDS, type EngineKind, type Migration, MigrationError } from "./migrate/migration.ts";
import { migrateDown, migrateUp } from "./migrate/run.ts";
import { verifySchema } from "./migrate/verify.ts";

const HELP = `npm run migrate -- <command> [--only postgres|clickhouse] [--dry-run] [--yes] [--json]

  new NAME   writes the pair sql/<engine>/<next number>_NAME.up.sql and .down.sql; wants --only
  up         applies every pending migration, Postgres first
  down       reverts the newest migration of each engine; --only picks one
  status     lists all migrations and what became of them
  verify     compares the live schema with what the files make, and names each difference

  --dry-run  says what up or down would run, and runs nothing
  --yes      down does not ask first; without a terminal it runs with it only
  --json     the result as JSON

Databases: POSTGRES_URL; CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD, CLICKHOUSE_DATABASE (cdp); without
them those of the local system that is running (MILLRACE_DATA, .millrace).
Exit codes: 0 done, 1 failed or different, 2 wrong use.

Examples:
  npm run migrate -- new add_saved_queries --only postgres
  POSTGRES_URL=postgres://app:secret@db.example.com/millrace npm run migrate -- up --only postgres
`;

/** One engine's part of a command: what it is asked with, and whether all is well. `lines` are for people. */
type Result = { json: unknown; lines: string[]; ok: boolean };
type Options = { dryRun: boolean; yes: boolean };
type Command = (database: Database, migrations: Migration[], options: Options) => Promise<Result>;

const progress = (line: string): void => console.error(line);

const up: Command = async (database, migrations, { dryRun }) => {
  const { kind } = database;
  if (!dryRun) return ran("applied", "up", await migrateUp(database, migrations, progress), database);
  const history = historyOf(kind, migrations, await database.ledger());
  const pending = migrations.filter(({ version }) =>
    history.some((entry) => entry.version === version && entry.state === "pending"),
  );
  return { ...ran("would apply", "up", pending, database), ok: history.every((entry) => !entry.problem) };
};

const down: Command = async (database, migrations, { dryRun, yes }) => {
  const next = nextDown(database.kind, migrations, await database.ledger());
  if (dryRun) return ran("would revert", "down", next ? [next] : [], database);
  if (next && !yes && !(await agreed(`${next.path}.down.sql on ${database.address} may delete data. Run it?`)))
    return { json: [], lines: [`${database.address}: nothing was run; --yes runs it without asking`], ok: false };
  const migration = await migrateDown(database, migrations, progress);
  return ran("reverted", "down", migration ? [migration] : [], database);
};

/** Asks a person. Where there is none nothing is destroyed: a script says --yes. */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

const status: Command = async (database, migrations) => {
  const entries = historyOf(database.kind, migrations, await database.ledger());
  const problems = entries.flatMap((entry) => entry.problem ?? []);
  const json = entries.map(({ version, name, state, appliedAt }) => ({
    version,
    name,
    state,
    applied_at: appliedAt?.toISOString(),
  }));
  return { json, lines: [`${database.address}:`, ...entries.map(lineOf), ...problems], ok: problems.length === 0 };
};

const verify: Command = async (database, migrations) => {
  const differences = await verifySchema(database, migrations);
  const lines = differences.length > 0 ? differences : [`${database.address}: the schema is what the files make`];
  return { json: differences, lines, ok: differences.length === 0 };
};

const COMMANDS: Record<string, Command> = { up, down, status, verify };

const ran = (did: string, half: "up" | "down", migrations: Migration[], { address }: Database): Result => {
  const files = migrations.map(({ path }) => `${path}.${half}.sql`);
  return {
    json: files,
    lines: files.length > 0 ? files.map((file) => `${did} ${file}`) : [`${address}: nothing to do`],
    ok: true,
  };
};

const lineOf = ({ version, name, state, appliedAt }: Entry): string =>
  `  ${String(version).padStart(4, "0")}_${name}  ${state}${appliedAt ? ` ${appliedAt.toISOString()}` : ""}`;

class WrongUse extends Error {}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) return say(HELP.trimEnd());
  const [name = "", ...rest] = positionals;
  const only = ENGINE_KINDS.filter((kind) => values.only === undefined || values.only === kind);
  if (only.length === 0) throw new WrongUse(`--only is postgres or clickhouse, not ${values.only}`);
  if (name === "new") return create(rest, values.only === undefined ? undefined : only[0], values.json);
  const command = COMMANDS[name];
  if (!command) throw new WrongUse(name ? `there is no command ${name}` : "which command?");
  if (rest.length > 0) throw new WrongUse(`${name} takes no ${rest.join(" ")}`);

  const results: Record<string, Result> = {};
  for (const kind of only)
    results[kind] = await onEngine(kind, command, { dryRun: values["dry-run"], yes: values.yes });
  const all = Object.entries(results);
  if (values.json) say(JSON.stringify(Object.fromEntries(all.map(([kind, { json }]) => [kind, json])), null, 2));
  else for (const [, { lines }] of all) say(lines.join("\n"));
  return all.every(([, { ok }]) => ok) ? 0 : 1;
}

function parse(args: string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { only: { type: "string" }, json: flag, "dry-run": flag, yes: flag, help: { ...flag, short: "h" } },
    });
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

async function create([name, ...more]: string[], kind: EngineKind | undefined, json: boolean): Promise<number> {
  if (!name || more.length > 0) throw new WrongUse("new takes one name, such as add_saved_queries");
  if (!kind) throw new WrongUse("new wants --only postgres or --only clickhouse");
  const paths = await newMigration(folderOf(kind), name);
  return say(json ? JSON.stringify({ [kind]: paths }, null, 2) : paths.join("\n"));
}

async function onEngine(kind: EngineKind, command: Command, options: Options): Promise<Result> {
  const migrations = await readMigrations(folderOf(kind));
  const database = await openDatabase(kind, process.env);
  try {
    return await command(database, migrations, options);
  } finally {
    await database.close();
  }
}

function say(text: string): 0 {
  console.log(text);
  return 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof WrongUse) {
    console.error(`${error.message}; npm run migrate -- --help shows how`);
    return 2;
  }
  console.error(error instanceof MigrationError ? error.message : error);
  return 1;
});
