import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import { wire } from "../functions/entry/deliver.ts";
import { env } from "../functions/kit/env.ts";
import { newId } from "../functions/kit/id.ts";
import { createClickHouse } from "../functions/stores/clickhouse/client.ts";
import { createInsertNative } from "../functions/stores/clickhouse/insert-rows.ts";
import { openStores } from "../functions/stores/open.ts";
import { familyOf } from "../functions/testing/processes.ts";
import { openDatabase } from "../sql/migrate/addresses.ts";
import { folderOf, readMigrations } from "../sql/migrate/files.ts";
import { migrateUp } from "../sql/migrate/run.ts";
import { startChild } from "../stacks/local/child.ts";
import { type EngineOptions, type EngineReady, engineFile } from "../stacks/local/engines/list.ts";
import type { Row } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { ratioOf, spreadOf } from "./kit/statistics.ts";
import { number } from "./kit/table.ts";
import { usageOf } from "./kit/usage.ts";
import { type Batches, type NativeFile, nativeFilesOf, recordBacklog } from "./load/backlog.ts";

type Run = { rows: number; seconds: number; senderCpu: number; engineCpu: number };
/** As many calls at once as the system has shards; the raw files are sent as many at a time. */
const LANES = 2;
const INSERT_MS_MAX = 60_000;

/**
 * How much of the engine's own speed does the consumer keep? The same rows into the same empty table, on the same
 * engine, through the same client: once as stream batches by way of the writer, which looks up what is there, numbers
 * and names each insert; once as Native files of 100,000 rows that lie ready. Merges wait, so that neither pays for them.
 */
export const consumer: Question = async ({ scale, seed, say }) => {
  const { shards, events } = await recordBacklog(seed, scale.consumerRows);
  const files = await nativeFilesOf(shards);
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const engine = await startChild<EngineOptions, EngineReady>(engineFile("warehouse"), { dataDir, port: 0 });
  const ours: Run[] = [];
  const raw: Run[] = [];
  try {
    const timed = (work: Work) => measure(engine.pid, engine.ready.url, events, work);
    await timed(deliverAll(shards));
    await timed(insertAll(files));
    for (let round = 1; round <= scale.rounds; round++) {
      say(`consumer: ${number(events)} rows, round ${round} of ${scale.rounds}`);
      ours.push(await timed(deliverAll(shards)));
      raw.push(await timed(insertAll(files)));
    }
  } finally {
    await engine.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const invocations = shards.reduce((sum, batches) => sum + batches.length, 0);
  const share = (pick: (run: Run) => number) =>
    number(spreadOf(ours.map((run) => (pick(run) * 1e6) / run.rows)).median);
  const note = `consumer: ${number(events)} rows in ${invocations} invocations against ${files.length} files; µs of CPU a row: writer ${share((run) => run.senderCpu)}, engine ${share((run) => run.engineCpu)}.`;
  return { rows: rowsOf(ours, raw), notes: [note], measured: { events, invocations, files: files.length, ours, raw } };
};

function rowsOf(ours: readonly Run[], raw: readonly Run[]): Row[] {
  const row = (unit: string, of: (run: Run) => number): Row => {
    const [left, right] = [ours.map(of), raw.map(of)];
    const reference = { what: "raw engine, Native", figure: spreadOf(right) };
    const target = { name: "P3", of: "ratio", at: "least", bound: 0.7 } as const;
    return {
      question: "consumer",
      what: "backlog of batches of 100",
      unit,
      ours: spreadOf(left),
      reference,
      ratio: ratioOf(left, right),
      target,
    };
  };
  return [
    row("rows/s", ({ rows, seconds }) => rows / seconds),
    row("rows/CPU-s, writer and engine", ({ rows, senderCpu, engineCpu }) => rows / (senderCpu + engineCpu)),
  ];
}

/** Puts all rows into the table `events` of a database. */
type Work = (database: { url: string; name: string; client: ClickHouseClient }) => Promise<void>;

let databases = 0;

/** Runs the work on a new, empty database and checks that every row came in, each once. */
async function measure(enginePid: number, url: string, rows: number, work: Work): Promise<Run> {
  const name = `bench_${++databases}`;
  const migrated = await openDatabase("clickhouse", { CLICKHOUSE_URL: url, CLICKHOUSE_DATABASE: name });
  await migrateUp(migrated, await readMigrations(folderOf("clickhouse")));
  await migrated.close();
  const client = createClickHouse({ url, database: name });
  await client.command({ query: "SYSTEM STOP MERGES events" });
  const before = { sender: process.cpuUsage(), engine: usageOf(familyOf(enginePid)).cpuSeconds, at: performance.now() };
  await work({ url, name, client });
  const seconds = (performance.now() - before.at) / 1_000;
  const { user, system } = process.cpuUsage(before.sender);
  const engineCpu = usageOf(familyOf(enginePid)).cpuSeconds - before.engine;
  const found = await client.query({
    query: "SELECT count(), uniqExact(message_id) FROM events",
    format: "JSONCompactEachRow",
  });
  const [counts] = await found.json<[string, string]>();
  if (Number(counts?.[0]) !== rows || Number(counts?.[1]) !== rows)
    throw new Error(`of ${rows} rows ${counts} are there`);
  await client.command({ query: `DROP DATABASE ${name}` });
  await client.close();
  return { rows, seconds, senderCpu: (user + system) / 1e6, engineCpu };
}

const deliverAll =
  (shards: readonly Batches[]): Work =>
  async ({ url, name }) => {
    const deliver = wire(openStores({ ...env.stores, clickhouse: { ...env.stores.clickhouse, url, database: name } }));
    await Promise.all(
      shards.map(async (batches) => {
        for (const batch of batches) {
          const { batchItemFailures } = await deliver(batch, { getRemainingTimeInMillis: () => 600_000 });
          if (batchItemFailures.length > 0) throw new Error("the consumer reported a failure");
        }
      }),
    );
  };

const insertAll =
  (files: readonly NativeFile[]): Work =>
  async ({ client }) => {
    const insert = createInsertNative(client);
    const left = files.entries();
    const lane = async () => {
      for (const [at, { columnNames, block }] of left)
        await insert("events", columnNames, block, `file ${at}`, { queryId: `bench:${newId()}`, maxMs: INSERT_MS_MAX });
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  };
