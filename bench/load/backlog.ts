import type { KinesisStreamEvent } from "aws-lambda";
import { prepare } from "../../functions/deliver/prepare.ts";
import type { PutFrames } from "../../functions/ingest/publish.ts";
import { newId } from "../../functions/kit/id.ts";
import { createInsertEvents } from "../../functions/stores/clickhouse/insert-events.ts";
import {
  PAYLOAD_BYTES_MAX,
  payloadBytes,
  type ShardRecord,
  toKinesisEvent,
} from "../../stacks/local/event-source/kinesis-event.ts";
import { LOCAL } from "../../stacks/local/local-mode.ts";
import { createEvents } from "./events.ts";
import { callOf, ingestInto } from "./recorded.ts";

/** One shard's batches, as the event-source mapper would hand them over. */
export type Batches = KinesisStreamEvent[];
/** The rows of an insert, encoded. */
export type NativeFile = { columnNames: readonly string[]; block: Buffer; rows: number };

const SHARDS = 2;
const EVENTS_PER_REQUEST = 100;
/** Requests that meet in one group commit, as they do at a busy door: frames of about a hundred events. */
const REQUESTS_TOGETHER = 4;
const ROWS_PER_FILE = 100_000;
const ARN = `arn:aws:kinesis:${LOCAL.region}:000000000000:stream/${LOCAL.stream}`;
const shardName = (shard: number) => `shardId-${String(shard).padStart(12, "0")}`;

/**
 * At least `events` events on the stream, made by the real ingest path: batches of 100, mixed ids. The same seed, the same
 * events. `timeOf` gives each its own time, in milliseconds UTC.
 */
export async function recordBacklog(
  seed: string,
  events: number,
  timeOf: () => number = Date.now,
): Promise<{ shards: Batches[]; events: number }> {
  const records: ShardRecord[][] = Array.from({ length: SHARDS }, () => []);
  let sequence = 0;
  const putFrames: PutFrames = async (puts) => {
    for (const { partitionKey, explicitHashKey = "0", record } of puts) {
      const shard = Number((BigInt(explicitHashKey) * BigInt(SHARDS)) >> 128n);
      const sequenceNumber = `4967${String(++sequence).padStart(52, "0")}`;
      records[shard]?.push({ sequenceNumber, partitionKey, data: record, arrivalMs: Date.now() });
    }
    return puts.map(() => "stored");
  };
  const ingest = ingestInto(putFrames);
  const next = createEvents(seed, timeOf);
  let sent = 0;
  while (sent < events) {
    await Promise.all(
      Array.from({ length: REQUESTS_TOGETHER }, () => ingest(callOf(next(EVENTS_PER_REQUEST, "mixed")))),
    );
    sent += REQUESTS_TOGETHER * EVENTS_PER_REQUEST;
  }
  return { shards: records.map((own, shard) => batchesOf(own, shard)), events: sent };
}

function batchesOf(records: readonly ShardRecord[], shard: number): Batches {
  const batches: ShardRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    bytes += payloadBytes(record);
    if (bytes > PAYLOAD_BYTES_MAX) {
      batches.push([]);
      bytes = payloadBytes(record);
    }
    batches.at(-1)?.push(record);
  }
  return batches.map((batch) => toKinesisEvent(ARN, shardName(shard), batch));
}

/** The very rows that the consumer makes of these batches, encoded by the consumer's own code, in files of 100,000. */
export async function nativeFilesOf(shards: readonly Batches[]): Promise<NativeFile[]> {
  const files: NativeFile[] = [];
  for (const [shard, batches] of shards.entries()) {
    const { pieces } = prepare(
      batches.flatMap(({ Records }) => Records),
      shardName(shard),
    );
    const selected = pieces.map(({ seq, frame }) => ({
      seq,
      frame,
      subs: Array.from({ length: frame.events }, (_, sub) => sub),
    }));
    for (let from = 0; from < selected.length; ) {
      let rows = 0;
      let to = from;
      while (to < selected.length && rows < ROWS_PER_FILE) rows += selected[to++]?.frame.events ?? 0;
      const insert = createInsertEvents(async (_, columnNames, body) => {
        files.push({ columnNames, block: Buffer.concat(body instanceof Uint8Array ? [body] : body), rows });
      }, newId);
      await insert(
        { stream: LOCAL.stream, shard: shardName(shard), from: "", to: "" },
        selected.slice(from, to),
        "",
        60_000,
      );
      from = to;
    }
  }
  return files;
}
