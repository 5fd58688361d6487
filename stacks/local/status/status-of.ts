import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import { createClickHouse } from "../../../functions/stores/clickhouse/client.ts";
import { createWriterState } from "../../../functions/stores/clickhouse/writer-state.ts";
import { kinesisAt, sqsAt } from "../engines/engine-clients.ts";
import { LOCAL } from "../local-mode.ts";
import { foundWithin } from "./found.ts";
import { lagOf } from "./lag.ts";
import type { ConsumerLag, Status } from "./page.ts";
import { queueDepths } from "./queue-depths.ts";
import { workerFigures } from "./worker-figures.ts";

export type Reached = { streamUrl: string; queuesUrl: string; clickhouseUrl: string; workersUrl: string };

/** An engine that has not answered by then is away. */
const LIMIT_MS = 5_000;

/** Names in the engines; a test has its own. */
type Names = { stream: string; database: string };

/**
 * The state of a running system, asked of each engine and of the workers beside each other: who is away takes only his own
 * part with him. The lag is read from stream and checkpoints, so that it is known while the workers are dead. Never throws.
 */
export async function statusOf(
  { streamUrl, queuesUrl, clickhouseUrl, workersUrl }: Reached,
  checkpoints: string,
  { stream, database }: Names = LOCAL,
): Promise<Status> {
  const clickhouse = createClickHouse({ url: clickhouseUrl, database });
  const [kinesis, sqs] = [kinesisAt(streamUrl), sqsAt(queuesUrl)];
  try {
    const [consumers, queues, writer, workers] = await Promise.all([
      foundWithin(LIMIT_MS, () => consumersOf(kinesis, stream, checkpoints)),
      foundWithin(LIMIT_MS, (signal) => queueDepths(sqs, signal)),
      foundWithin(LIMIT_MS, createWriterState(clickhouse)),
      foundWithin(LIMIT_MS, async (signal) => {
        const answer = await fetch(`${workersUrl}/metrics`, { headers: { accept: "application/json" }, signal });
        if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
        return workerFigures((await answer.json()) as Parameters<typeof workerFigures>[0]);
      }),
    ]);
    return { consumers, queues, writer, workers };
  } finally {
    kinesis.destroy();
    sqs.destroy();
    await clickhouse.close();
  }
}

/** Each consumer's checkpoints are a file of its name. */
async function consumersOf(kinesis: KinesisClient, stream: string, folder: string): Promise<ConsumerLag[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json")).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const { shards } = JSON.parse(await readFile(join(folder, file), "utf8")) as Checkpoints;
      const lag = await lagOf(kinesis, stream, (shard) => shards[shard]?.after, Date.now);
      return { name: basename(file, ".json"), shards: lag };
    }),
  );
}
type Checkpoints = { shards: Record<string, { after?: string }> };
