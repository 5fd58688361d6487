import { randomBytes } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";
import { openClickHouse } from "../../sql/migrate/clickhouse.ts";
import { folderOf, readMigrations } from "../../sql/migrate/files.ts";
import { migrateUp } from "../../sql/migrate/run.ts";
import { createClickHouse } from "../stores/clickhouse/client.ts";

export type FreshClickHouse = { client: ClickHouseClient; database: string; drop: () => Promise<void> };

/** A database of its own on the run's warehouse, with every migration applied. */
export async function freshClickHouse(url: string): Promise<FreshClickHouse> {
  const database = `test_${randomBytes(6).toString("hex")}`;
  const server = createClickHouse({ url, database: "default" });
  await server.command({ query: `CREATE DATABASE ${database}` });
  const migrations = openClickHouse({ url, database });
  await migrateUp(migrations, await readMigrations(folderOf("clickhouse")));
  await migrations.close();
  const client = createClickHouse({ url, database });
  const drop = async () => {
    await client.close();
    await server.command({ query: `DROP DATABASE ${database} SYNC` });
    await server.close();
  };
  return { client, database, drop };
}
