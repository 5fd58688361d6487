import { historyOf } from "./history.ts";
import type { Database, Migration, Schema } from "./migration.ts";
import { migrateUp } from "./run.ts";

/**
 * Where the live schema is not what the files make: one sentence each, none = all is well. What the files make is found
 * by applying those that are applied here to a scratch database on the same server; pending ones are named instead.
 */
export async function verifySchema(database: Database, migrations: Migration[]): Promise<string[]> {
  const history = historyOf(database.kind, migrations, await database.ledger());
  const pending = history.filter((entry) => entry.state === "pending").map((entry) => entry.version);
  const problems = history.flatMap((entry) => entry.problem ?? []);
  if (problems.length > 0) return problems;
  const applied = migrations.filter((migration) => !pending.includes(migration.version));
  const files = await database.withScratch(async (scratch) => {
    await migrateUp(scratch, applied);
    return renamed(await scratch.schema(), scratch.database, database.database);
  });
  const notApplied = migrations.filter((migration) => pending.includes(migration.version));
  return [
    ...notApplied.map((migration) => `${migration.path}.up.sql is not applied`),
    ...differences(database.database, await database.schema(), files),
  ];
}

/** Each difference of two schemas in words, by name. */
export function differences(database: string, live: Schema, files: Schema): string[] {
  const names = [...new Set([...live.parts.keys(), ...files.parts.keys()])].sort();
  const parts = names.flatMap((name) => {
    const [here, there] = [live.parts.get(name), files.parts.get(name)];
    if (here === there) return [];
    if (here === undefined) return [`${database}.${name}: missing, files say ${there}`];
    if (there === undefined) return [`${database}.${name}: ${here}, not in the files`];
    return [`${database}.${name}: ${here}, files say ${there}`];
  });
  const named = [...parts, ...orderDifferences(database, live, files)];
  return [...named, ...otherDifferences(database, live, files, named)];
}

/** Only of columns that both have: a missing one is named already. */
function orderDifferences(database: string, live: Schema, files: Schema): string[] {
  return [...live.columns].flatMap(([table, here]) => {
    const there = files.columns.get(table) ?? [];
    const both = (columns: string[], others: string[]) => columns.filter((name) => others.includes(name)).join(", ");
    const [ours, theirs] = [both(here, there), both(there, here)];
    return ours === theirs ? [] : [`${database}.${table} order of columns: ${ours}, files say ${theirs}`];
  });
}

/** What differs in a table of which nothing else was named, such as a constraint or a comment. */
function otherDifferences(database: string, live: Schema, files: Schema, named: string[]): string[] {
  return [...live.whole].flatMap(([table, here]) => {
    const there = files.whole.get(table);
    const known = named.some(
      (line) => line.startsWith(`${database}.${table}:`) || line.startsWith(`${database}.${table} `),
    );
    return there === undefined || here === there || known ? [] : [`${database}.${table}: ${here}, files say ${there}`];
  });
}

/** Texts that name their own database name the live one. The scratch name is random, so it means nothing else. */
function renamed(schema: Schema, from: string, to: string): Schema {
  const inWords = (words: Map<string, string>) =>
    new Map([...words].map(([name, text]) => [name, text.replaceAll(from, to)]));
  return { parts: inWords(schema.parts), columns: schema.columns, whole: inWords(schema.whole) };
}
