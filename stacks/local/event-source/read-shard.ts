import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  InvalidArgumentException,
  type KinesisClient,
  type _Record as KinesisRecord,
} from "@aws-sdk/client-kinesis";
import { WAIT_HEADER } from "../engines/stream/long-poll.ts";
import { PAYLOAD_BYTES_MAX, payloadBytes, type ShardRecord } from "./kinesis-event.ts";
import type { LocalLog } from "./local-log.ts";
import { backoffMs, createChange, pause } from "./wait.ts";

export type ReadRules = {
  batchSize: number;
  /** How long a batch may wait to be filled, from when its first record was read. */
  windowMs: number;
  /** The same where the first window brought much: an insert has a fixed cost, which larger batches share. */
  busyWindowMs: number;
  pollMs: number;
};
export type ReadFrom = { stream: string; shardId: string; after: string | undefined; fromMs: number | undefined };

export type ShardReader = {
  /** The next batch, in order, as soon as the window allows; undefined when the shard is at its end or reading stopped. */
  next: () => Promise<ShardRecord[] | undefined>;
  /** True when the shard was closed and everything in it has been handed out. */
  ended: () => boolean;
  /** The oldest record that was read and not handed out, and how far the last answer was behind the shard's tip. */
  waiting: () => { records: number; oldestMs: number | undefined; behindMs: number };
  /** Settles when reading has stopped: `signal` aborted, or the end of the shard. Never rejects. */
  stopped: Promise<void>;
};

const RECORDS_PER_READ = { min: 100, max: 10_000 };
/** About what one invocation takes: a backlog of large records would come in answers of 10 MB, several copies of each. */
const READ_BYTES = 4 * 1_024 * 1_024;
/** How long the local engine may hold an empty answer back; others ignore it, and are asked every `pollMs`. */
const WAIT_MS = 1_000;
const RETRY_MS_MAX = 2_000;
/** So many bytes in one window are a busy stream: some 150 events. */
const BUSY_BYTES = 16 * 1_024;
/** A batch that waits for its window is added to so often: each read costs reader and engine 2 ms of CPU, whatever it brings. */
const READS_PER_WINDOW = 4;
const READ_GAP_MS_MAX = 1_000;

/**
 * Reads one shard ahead of its consumer: while a batch is handled the next one is fetched, and no more than that and one
 * answer is held. An engine that is down or restarts is waited for; an expired iterator is made anew at the last record
 * read. `onCaughtUp` hears the time at which nothing more was to be read.
 */
export function readShard(
  kinesis: KinesisClient,
  from: ReadFrom,
  rules: ReadRules,
  ports: { log: LocalLog; now: () => number; onCaughtUp: (asOfMs: number) => void },
  signal: AbortSignal,
): ShardReader {
  const about = { stream: from.stream, shard: from.shardId };
  const change = createChange();
  signal.addEventListener("abort", change.announce);
  let [records, bytes, behindMs, closed]: [ShardRecord[], number, number, boolean] = [[], 0, 0, false];
  let after = from.after;
  let iterator: string | undefined;
  let firstReadMs = 0;
  let recordBytes = READ_BYTES / RECORDS_PER_READ.min;
  const gapMs = Math.min(rules.windowMs / READS_PER_WINDOW, READ_GAP_MS_MAX);

  const isFull = () => records.length >= rules.batchSize || bytes >= PAYLOAD_BYTES_MAX;
  const readOnce = async (): Promise<boolean> => {
    const startedMs = ports.now();
    iterator ??= await openIterator();
    const sentAt = performance.now();
    const { min, max } = RECORDS_PER_READ;
    const limit = Math.min(max, Math.max(min, Math.floor(READ_BYTES / recordBytes)));
    const answer = await kinesis.send(getRecords(iterator, limit), { abortSignal: signal });
    const read = (answer.Records ?? []).map(toShardRecord);
    if (read.length > 0) recordBytes = read.reduce((sum, { data }) => sum + data.byteLength, 1) / read.length;
    const wanted = from.fromMs === undefined ? read : read.filter(({ arrivalMs }) => arrivalMs >= (from.fromMs ?? 0));
    for (const record of wanted) bytes += payloadBytes(record);
    if (records.length === 0) firstReadMs = performance.now();
    records = records.length === 0 ? wanted : records.concat(wanted);
    after = read.at(-1)?.sequenceNumber ?? after;
    behindMs = answer.MillisBehindLatest ?? 0;
    iterator = answer.NextShardIterator;
    closed = iterator === undefined;
    if (wanted.length > 0 || closed) change.announce();
    if (read.length === 0 && behindMs === 0) ports.onCaughtUp(startedMs);
    const waited = performance.now() - sentAt >= WAIT_MS / 2;
    return read.length > 0 || behindMs > 0 || waited;
  };
  const openIterator = async (): Promise<string | undefined> => {
    const at = { StreamName: from.stream, ShardId: from.shardId };
    const oldest = () => new GetShardIteratorCommand({ ...at, ShardIteratorType: "TRIM_HORIZON" });
    if (after === undefined) return (await kinesis.send(oldest(), { abortSignal: signal })).ShardIterator;
    const next = { ...at, ShardIteratorType: "AFTER_SEQUENCE_NUMBER" as const, StartingSequenceNumber: after };
    try {
      return (await kinesis.send(new GetShardIteratorCommand(next), { abortSignal: signal })).ShardIterator;
    } catch (error) {
      if (!(error instanceof InvalidArgumentException)) throw error;
      ports.log.error(
        { ...about, after, err: error },
        "the checkpoint is not in the stream, reading from its oldest record",
      );
      return (await kinesis.send(oldest(), { abortSignal: signal })).ShardIterator;
    }
  };

  const readAhead = async (): Promise<void> => {
    let failures = 0;
    while (!closed && !signal.aborted) {
      if (isFull()) {
        await change.wait();
        continue;
      }
      try {
        const readOn = await readOnce();
        if (failures > 0) ports.log.info({ ...about, failures }, "the stream can be read again");
        failures = 0;
        if (closed) continue;
        if (!readOn) await pause(rules.pollMs, signal);
        else if (records.length > 0 && behindMs === 0) await pause(gapMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ExpiredIteratorException) {
          iterator = undefined;
          continue;
        }
        failures += 1;
        if (failures === 1) ports.log.warn({ ...about, err: error }, "the stream cannot be read, trying again");
        await pause(backoffMs(failures, RETRY_MS_MAX), signal);
      }
    }
  };

  const next = async (): Promise<ShardRecord[] | undefined> => {
    while (records.length === 0 && !closed && !signal.aborted) await change.wait();
    if (rules.windowMs > 0 && !isFull()) await fillWindow();
    if (signal.aborted || records.length === 0) return undefined;
    const count = batchLength(records, rules.batchSize);
    const batch = records.slice(0, count);
    records = records.slice(count);
    firstReadMs = performance.now();
    for (const record of batch) bytes -= payloadBytes(record);
    change.announce();
    return batch;
  };
  const fillWindow = async (): Promise<void> => {
    await filledOr(firstReadMs + rules.windowMs);
    if (bytes >= BUSY_BYTES) await filledOr(firstReadMs + rules.busyWindowMs);
  };
  const filledOr = async (untilMs: number): Promise<void> => {
    const window = new AbortController();
    const leftMs = Math.max(0, untilMs - performance.now());
    const over = pause(leftMs, AbortSignal.any([signal, window.signal])).then(() => window.abort());
    while (!isFull() && !closed && !window.signal.aborted) await Promise.race([change.wait(), over]);
    window.abort();
  };

  return {
    next,
    ended: () => closed && records.length === 0,
    waiting: () => ({ records: records.length, oldestMs: records[0]?.arrivalMs, behindMs }),
    stopped: readAhead(),
  };
}

function getRecords(ShardIterator: string | undefined, Limit: number): GetRecordsCommand {
  const command = new GetRecordsCommand({ ShardIterator, Limit });
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers[WAIT_HEADER] = `${WAIT_MS}`;
      return next(args);
    },
    { step: "build", name: "waitForRecords" },
  );
  return command;
}

/** A record of GetRecords as the mapper and its tests hold it. */
export const toShardRecord = ({
  SequenceNumber,
  PartitionKey,
  Data,
  ApproximateArrivalTimestamp,
}: KinesisRecord): ShardRecord => ({
  sequenceNumber: SequenceNumber ?? "",
  partitionKey: PartitionKey ?? "",
  data: Data ?? new Uint8Array(),
  arrivalMs: ApproximateArrivalTimestamp?.getTime() ?? 0,
});

/** As many as fit one invocation; one always does. */
function batchLength(records: ShardRecord[], batchSize: number): number {
  let bytes = 0;
  for (const [index, record] of records.entries()) {
    bytes += payloadBytes(record);
    if (index > 0 && (index === batchSize || bytes > PAYLOAD_BYTES_MAX)) return index;
  }
  return records.length;
}
