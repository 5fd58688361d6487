import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import { createClickHouse } from "../../functions/stores/clickhouse/client.ts";
import { familyOf } from "../../functions/testing/processes.ts";
import { openDatabase } from "../../sql/migrate/addresses.ts";
import { folderOf, readMigrations } from "../../sql/migrate/files.ts";
import { migrateUp } from "../../sql/migrate/run.ts";
import { startChild } from "../../stacks/local/child.ts";
import { type EngineName, type EngineOptions, type EngineReady, engineFile } from "../../stacks/local/engines/list.ts";
import { usageOf } from "./usage.ts";

export type BenchEngine = { url: string; cpuSeconds: () => number; stop: () => Promise<void> };
export type BenchDatabase = { url: string; name: string; client: ClickHouseClient; drop: () => Promise<void> };

/** One engine as `npm start` runs it, with its data in a temporary folder. `cpuSeconds` is its family's, since its start. */
export async function startEngine(name: EngineName): Promise<BenchEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const engine = await startChild<EngineOptions, EngineReady>(engineFile(name), { dataDir, port: 0 });
  return {
    url: engine.ready.url,
    cpuSeconds: () => usageOf(familyOf(engine.pid)).cpuSeconds,
    stop: async () => {
      await engine.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

let databases = 0;

/** A new database with every migration, and nothing in it. */
export async function migratedDatabase({ url }: BenchEngine): Promise<BenchDatabase> {
  const name = `bench_${++databases}`;
  const migrated = await openDatabase("clickhouse", { CLICKHOUSE_URL: url, CLICKHOUSE_DATABASE: name });
  await migrateUp(migrated, await readMigrations(folderOf("clickhouse")));
  await migrated.close();
  const client = createClickHouse({ url, database: name });
  const drop = async () => {
    await client.command({ query: `DROP DATABASE ${name}` });
    await client.close();
  };
  return { url, name, client, drop };
}

/** CPU of this process in seconds, garbage collection and all threads included. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
