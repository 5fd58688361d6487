import { nextDown, nextUp } from "./history.ts";
import type { Database, Migration } from "./migration.ts";

/** Applies every pending migration in order and returns them. Another runner may do the same at the same time. */
export async function migrateUp(
  database: Database,
  migrations: Migration[],
  progress: (line: string) => void = () => {},
): Promise<Migration[]> {
  const applied: Migration[] = [];
  for (;;) {
    const migration = await database.step("up", (ledger) => nextUp(database.kind, migrations, ledger));
    if (!migration) return applied;
    applied.push(migration);
    progress(`applied ${migration.path}.up.sql to ${database.address}`);
  }
}

/** Reverts the newest migration, one step, and returns it; undefined when none is applied. */
export async function migrateDown(
  database: Database,
  migrations: Migration[],
  progress: (line: string) => void = () => {},
): Promise<Migration | undefined> {
  const migration = await database.step("down", (ledger) => nextDown(database.kind, migrations, ledger));
  if (migration) progress(`ran ${migration.path}.down.sql on ${database.address}`);
  return migration;
}
