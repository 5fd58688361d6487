import type { ClickHouseClient } from "@clickhouse/client";
import { wire } from "../functions/entry/deliver.ts";
import { env } from "../functions/kit/env.ts";
import { newId } from "../functions/kit/id.ts";
import { createInsertNative } from "../functions/stores/clickhouse/insert-rows.ts";
import { openStores } from "../functions/stores/open.ts";
import type { Row } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { ratioOf, spreadOf } from "./kit/statistics.ts";
import { number } from "./kit/table.ts";
import { type BenchEngine, migratedDatabase, ownCpuSeconds, startEngine } from "./kit/warehouse.ts";
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
  const engine = await startEngine("warehouse");
  const ours: Run[] = [];
  const raw: Run[] = [];
  try {
    const timed = (work: Work) => measure(engine, events, work);
    await timed(deliverAll(shards));
    await timed(insertAll(files));
    for (let round = 1; round <= scale.rounds; round++) {
      say(`consumer: ${number(events)} rows, round ${round} of ${scale.rounds}`);
      ours.push(await timed(deliverAll(shards)));
      raw.push(await timed(insertAll(files)));
    }
  } finally {
    await engine.stop();
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

/** Runs the work on a new, empty database and checks that every row came in, each once. */
async function measure(engine: BenchEngine, rows: number, work: Work): Promise<Run> {
  const database = await migratedDatabase(engine);
  const { client } = database;
  await client.command({ query: "SYSTEM STOP MERGES events" });
  const before = { sender: ownCpuSeconds(), engine: engine.cpuSeconds(), at: performance.now() };
  await work(database);
  const seconds = (performance.now() - before.at) / 1_000;
  const senderCpu = ownCpuSeconds() - before.sender;
  const engineCpu = engine.cpuSeconds() - before.engine;
  const found = await client.query({
    query: "SELECT count(), uniqExact(message_id) FROM events",
    format: "JSONCompactEachRow",
  });
  const [counts] = await found.json<[string, string]>();
  if (Number(counts?.[0]) !== rows || Number(counts?.[1]) !== rows)
    throw new Error(`of ${rows} rows ${counts} are there`);
  await database.drop();
  return { rows, seconds, senderCpu, engineCpu };
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
