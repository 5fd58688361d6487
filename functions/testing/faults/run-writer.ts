import { randomUUID } from "node:crypto";
import { deliverBatch } from "../../../stacks/local/event-source/deliver-batch.ts";
import { createFunction } from "../../../stacks/local/event-source/function.ts";
import type { ShardRecord } from "../../../stacks/local/event-source/kinesis-event.ts";
import { wire } from "../../entry/deliver.ts";
import type { DeadLetter } from "../../event/dead-letter.ts";
import type { Stores } from "../../stores/open.ts";
import type { Fault } from "./faulty.ts";
import { faultyStores } from "./faulty-stores.ts";
import type { Observed, StoredRow } from "./invariants.ts";
import type { Schedule } from "./schedule.ts";
import { shardOfRecords } from "./shard-of-records.ts";
import type { WriterSystem } from "./writer-system.ts";

/** What may happen to the writer's ports, and to an invocation as a whole (`invocation`: it throws before, or behind its work). */
export const WRITER_FAULTS: Record<string, readonly Fault[]> = {
  insert: ["fail-before", "fail-after-apply", "duplicate", "delay"],
  reject: ["fail-before", "fail-after-apply", "duplicate"],
  invocation: ["fail-before", "fail-after-apply"],
};

const SHARDS = 2;
const BATCH_MAX = 400;
/** Of a batch that fails so often in a row something is broken, which the invariants shall say. */
const RETRIES_MAX = 25;

/**
 * Gives `count` records of two shards to the writer as an event-source mapping does, whose invocations fail, are halved and
 * are cut otherwise, while processes die between insert and commit and mappings are made anew at TRIM_HORIZON; all of it
 * follows from the schedule's seed. Then the faults end and everything is read once more. `sabotage` breaks the writer's
 * ports, to show that the invariants notice. Each run has a workspace and shards of its own.
 */
export async function runWriter(
  system: WriterSystem,
  schedule: Schedule,
  count: number,
  sabotage: (stores: Stores) => Stores = (stores) => stores,
): Promise<Observed & { workspaceId: string; records: number }> {
  const [workspaceId, letters]: [string, DeadLetter[]] = [randomUUID(), []];
  const kept = { ...system.stores, reject: async (more: readonly DeadLetter[]) => void letters.push(...more) };
  const stores = faultyStores(sabotage(kept), schedule);
  const shards = Array.from({ length: SHARDS }, (_, index) => {
    const name = `run-${workspaceId}-${index}`;
    return { name, ...shardOfRecords(schedule.chanceOf(`shard ${index}`), name, workspaceId, count / SHARDS) };
  });
  await Promise.all(
    shards.map(({ name, records }, index) => consume(stores, schedule, `consumer ${index}`, name, records)),
  );
  await schedule.heal();
  for (const { name, records } of shards) await consume(stores, schedule, "last", name, records);

  const sent = new Map(shards.flatMap((shard) => shard.sent.map((event) => [event.id, event] as const)));
  const poison = shards.flatMap(({ name, poison }) => poison.map((seq) => `${name}:${seq}`));
  return {
    ...{ sent, workspaceId, records: shards.reduce((sum, { records }) => sum + records.length, 0) },
    ...{ acked: new Set(sent.keys()), refused: new Set(poison), unknown: new Set(), detoured: new Set() },
    rows: await rowsOf(system, workspaceId),
    letters: letters.map(({ trace, payloadKind, messageId }) => (payloadKind === "record" ? trace : messageId)),
    ...{ output: "", secrets: [] },
  };
}

/** One shard from its start to its end, by as many processes as it takes. */
async function consume(
  stores: Stores,
  { of, chanceOf }: Schedule,
  name: string,
  shardId: string,
  records: readonly ShardRecord[],
): Promise<void> {
  const [chance, fault] = [chanceOf(name), of(`invocation ${name}`)];
  const streamArn = "arn:aws:kinesis:us-east-1:000000000000:stream/events";
  const silent = () => {};
  let done = 0;
  let isAnew = false;
  while (done < records.length) {
    // A process has a writer of its own, and dies of some invocations: what it did not note is not noted.
    const dying = new AbortController();
    const deliver = wire(stores);
    const handler: typeof deliver = async (event, context) => {
      const met = fault();
      if (met === "fail-before") throw new Error("the invocation failed");
      const answer = await deliver(event, context);
      if (met === undefined) return answer;
      if (chance() < 0.5) dying.abort();
      throw new Error("the process is gone");
    };
    const size = 1 + Math.floor(chance() * Math.min(BATCH_MAX, records.length / 3));
    for (let batch = 0; batch < 5 && done < records.length && !dying.signal.aborted; batch++)
      await deliverBatch(
        { mappingId: "mapping", streamArn, shardId },
        {
          ...{ maximumRetryAttempts: RETRIES_MAX, bisectOnError: chance() < 0.7, reportBatchItemFailures: true },
          ...{ ageMaxMs: () => Number.POSITIVE_INFINITY, retryDelayMaxMs: 1 },
        },
        {
          function: createFunction({ name: "deliver", handler, timeoutMs: 60_000 }),
          onFailure: async () => {},
          checkpoint: async ({ sequenceNumber }) => {
            done = records.findIndex((record) => record.sequenceNumber === sequenceNumber) + 1;
          },
          log: { info: silent, warn: silent, error: silent },
          now: Date.now,
        },
        records.slice(done, done + size),
        dying.signal,
      );
    if (!isAnew && done > records.length / 2 && chance() < 0.5) {
      isAnew = true;
      done = 0;
    }
  }
}

async function rowsOf(system: WriterSystem, workspaceId: string): Promise<StoredRow[]> {
  const rows = await system.rowsOf(
    `SELECT message_id AS id, anonymous_id AS key, toString(properties.n) AS n, toString(properties.text) AS props,
      concat(_shard, '/', toString(_seq), '/', toString(_sub)) AS position
      FROM events WHERE workspace_id = {workspaceId: UUID} ORDER BY _shard, _seq, _sub`,
    { workspaceId },
  );
  return rows.map(({ id = "", key = "", n = "", props = "", position = "" }) => ({
    id,
    key,
    n: Number(n),
    props,
    position,
  }));
}
