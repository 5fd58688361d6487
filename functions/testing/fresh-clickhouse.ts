import { randomBytes } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";
import { folderOf, readMigrations } from "../../sql/migrate/files.ts";
import { statementsOf } from "../../sql/migrate/statements.ts";
import { createClickHouse } from "../stores/clickhouse/client.ts";

export type FreshClickHouse = { client: ClickHouseClient; database: string; drop: () => Promise<void> };

/**
 * A database of its own on the run's warehouse, with the statements of every migration, or of those `until` a version. Without their ledger, which takes
 * twice as long as they do: the tests of migrations have their own.
 */
export async function freshClickHouse(url: string, until = Number.POSITIVE_INFINITY): Promise<FreshClickHouse> {
  const database = `test_${randomBytes(6).toString("hex")}`;
  const server = createClickHouse({ url, database: "default" });
  await server.command({ query: `CREATE DATABASE ${database}` });
  const client = createClickHouse({ url, database });
  for (const { version, up } of await readMigrations(folderOf("clickhouse")))
    for (const query of version <= until ? statementsOf(up) : []) await client.command({ query });
  const drop = async () => {
    await client.close();
    await server.command({ query: `DROP DATABASE ${database} SYNC` });
    await server.close();
  };
  return { client, database, drop };
}
