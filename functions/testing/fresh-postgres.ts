import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { folderOf, readMigrations } from "../../sql/migrate/files.ts";
import { openPostgres } from "../../sql/migrate/postgres.ts";
import { migrateUp } from "../../sql/migrate/run.ts";

export type FreshPostgres = { url: string; drop: () => Promise<void> };

/** A database of its own on the run's Postgres, with every migration applied unless it is to be `empty`. */
export async function freshPostgres(serverUrl: string, how: "migrated" | "empty" = "migrated"): Promise<FreshPostgres> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const url = new URL(serverUrl);
  url.pathname = name;
  await onServer(serverUrl, `create database ${name} template template0`);
  if (how === "migrated") {
    const database = openPostgres(url.href);
    await migrateUp(database, await readMigrations(folderOf("postgres")));
    await database.close();
  }
  return { url: url.href, drop: () => onServer(serverUrl, `drop database ${name} with (force)`) };
}

async function onServer(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
