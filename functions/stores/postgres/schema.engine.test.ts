import { readdirSync } from "node:fs";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type FreshPostgres, freshPostgres } from "../../testing/fresh-postgres.ts";

let fresh: FreshPostgres;
let sql: postgres.Sql;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  sql = postgres(fresh.url, { max: 1, onnotice: () => {} });
});

afterAll(async () => {
  await sql.end();
  await fresh.drop();
});

const files = readdirSync(new URL("schema/", import.meta.url));
const tables = await Promise.all(
  files.map(async (file) =>
    Object.values(await import(`./schema/${file}`)).filter((value) => value instanceof PgTable),
  ),
).then((found) => found.flat().map(getTableConfig));

type Column = { column: string; type: string; required: boolean; filled: boolean };

test.each(tables)("drizzle and the migrations agree on the columns of $name", async ({ name, columns }) => {
  const migrated = await sql<Column[]>`
    select a.attname as column, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required, a.atthasdef as filled
    from pg_attribute a where a.attrelid = to_regclass(${name}) and a.attnum > 0 and not a.attisdropped`;
  const declared = columns.map(
    (column): Column => ({
      column: column.name,
      type: column.getSQLType(),
      required: column.notNull,
      filled: column.hasDefault,
    }),
  );
  expect(new Set(declared)).toEqual(new Set([...migrated]));
});

test("every table of the migrations is declared, and carries the workspace", async () => {
  const migrated = await sql<{ name: string; tenant: boolean }[]>`
    select c.relname as name, exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id' and a.attnotnull) as tenant
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations'`;
  expect(tables.map(({ name }) => name).sort()).toEqual(migrated.map(({ name }) => name).sort());
  expect(migrated.filter(({ tenant }) => !tenant).map(({ name }) => name)).toEqual(["workspaces"]);
});
