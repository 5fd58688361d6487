import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type EngineKind, type Migration, MigrationError } from "./migration.ts";

/** `sql/postgres` or `sql/clickhouse` of this repository. */
export const folderOf = (kind: EngineKind): string => fileURLToPath(new URL(`../${kind}`, import.meta.url));

/**
 * The migrations of a folder in order. Throws a MigrationError that names the file when one half of a pair is missing,
 * a number is missing or there twice, or a name has another form. Files that are no SQL (a README) are passed over.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const titles = new Set(names.map((name) => titleOf(folder, name)));
  const migrations: Migration[] = [];
  for (const title of titles) {
    const version = Number(title.slice(0, 4));
    const due = migrations.length + 1;
    if (version < due)
      throw wrong(folder, `${title}.up.sql`, `number ${digits(version)} is taken; give it the next one`);
    if (version > due) throw wrong(folder, `${title}.up.sql`, `number ${digits(due)} is missing before it`);
    const [up, down] = [await read(folder, title, "up", names), await read(folder, title, "down", names)];
    const checksum = createHash("sha256").update(up).digest("hex");
    migrations.push({ version, name: title.slice(5), path: shown(folder, title), up, down, checksum });
  }
  return migrations;
}

/** Writes the pair of files for the next number and returns their paths. Never writes over a file. */
export async function newMigration(folder: string, name: string): Promise<string[]> {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    throw new MigrationError(
      `"${name}" is no name for a migration: small letters, digits and _, as in add_saved_queries`,
    );
  const next = digits((await readMigrations(folder)).length + 1);
  const up = join(folder, `${next}_${name}.up.sql`);
  const down = join(folder, `${next}_${name}.down.sql`);
  await writeFile(up, `-- ${name.replaceAll("_", " ")}: say here what it is for.\n`, { flag: "wx" });
  await writeFile(down, `-- Undoes ${next}_${name}.up.sql, the newest part first.\n`, { flag: "wx" });
  return [shown(up), shown(down)];
}

const digits = (version: number): string => String(version).padStart(4, "0");
const shown = (...path: string[]): string => relative(process.cwd(), join(...path));

function titleOf(folder: string, name: string): string {
  const title = /^(\d{4}_[a-z][a-z0-9_]*)\.(up|down)\.sql$/.exec(name)?.[1];
  if (!title) throw wrong(folder, name, "a migration is called 0001_<name>.up.sql or 0001_<name>.down.sql");
  return title;
}

async function read(folder: string, title: string, half: "up" | "down", names: string[]): Promise<string> {
  const name = `${title}.${half}.sql`;
  const other = `${title}.${half === "up" ? "down" : "up"}.sql`;
  if (!names.includes(name)) throw wrong(folder, name, `the file is missing, but ${other} is there`);
  return (await readFile(join(folder, name), "utf8")).replaceAll("\r\n", "\n");
}

const wrong = (folder: string, name: string, why: string): MigrationError =>
  new MigrationError(`${shown(folder, name)}: ${why}`);
