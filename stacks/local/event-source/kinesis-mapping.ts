import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
  type StreamDescriptionSummary,
} from "@aws-sdk/client-kinesis";
import type { KinesisStreamEvent } from "aws-lambda";
import type { Checkpoints, Position } from "./checkpoints.ts";
import { deliverBatch } from "./deliver-batch.ts";
import type { LocalFunction } from "./function.ts";
import type { FailedInvocation } from "./invocation-record.ts";
import type { ShardRecord } from "./kinesis-event.ts";
import type { LocalLog } from "./local-log.ts";
import { readShard, type ShardReader } from "./read-shard.ts";
import { backoffMs, pause } from "./wait.ts";

export type KinesisMappingOptions = {
  kinesis: KinesisClient;
  stream: string;
  function: LocalFunction<KinesisStreamEvent>;
  checkpoints: Checkpoints;
  log: LocalLog;
  /** 1 to 10,000 records; an invocation is also bounded by 6 MB of payload. */
  batchSize: number;
  /** How long a batch may wait to be filled after its first record is there. */
  windowMs: number;
  /** The same on a busy stream; `windowMs` where it is not said. */
  busyWindowMs?: number;
  startingPosition: "TRIM_HORIZON" | "LATEST";
  /** −1 = until the record is too old. */
  maximumRetryAttempts: number;
  /** −1 = until the stream's retention ends. */
  maximumRecordAgeSeconds: number;
  bisectOnError: boolean;
  reportBatchItemFailures: boolean;
  /** Where records go that were given up. Without one they are lost, and the log says which. */
  onFailure?: (failed: FailedInvocation) => Promise<void>;
  /** Between two reads of a shard that had nothing; AWS polls once a second. */
  pollMs?: number;
  /** The longest wait between two attempts at a batch. */
  retryDelayMaxMs?: number;
  now?: () => number;
};

export type ShardLag = {
  /** Age of the oldest record that is read or known of and not done with; 0 when there is none. */
  millisBehindLatest: number;
  /** Records that are read and not done with. */
  records: number;
};
export type KinesisMapping = {
  /** Waits for the invocations in flight and keeps their outcome; what is not done comes again at the next start. */
  stop: () => Promise<void>;
  lag: () => ReadonlyMap<string, ShardLag>;
};

const POLL_MS = 50;
const RETRY_DELAY_MS_MAX = 10_000;
/** An idle shard's position is noted so often, to tell a quiet stream from lost records after a long pause. */
const NOTE_IDLE_MS = 60_000;

/**
 * Calls a handler with the records of a stream as a Kinesis event-source mapping with parallelization factor 1 does: one
 * batch per shard at a time, in order; the children of a split or merged shard after their parents. Resumes at the
 * checkpoints. The facts it keeps are in reliability.md 2.1.
 */
export function startKinesisMapping(options: KinesisMappingOptions): KinesisMapping {
  const { kinesis, stream, checkpoints, log, now = Date.now } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const consuming = new Map<string, { lag: () => ShardLag; done: Promise<void> }>();
  let retentionMs = Number.POSITIVE_INFINITY;

  const discover = async (): Promise<void> => {
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        const summary = await describe(kinesis, stream, signal);
        const shards = await listShards(kinesis, stream, signal);
        retentionMs = (summary.RetentionPeriodHours ?? 24) * 3_600_000;
        await settleStart(summary, shards);
        for (const shard of shards) consumeWhenReady(summary, shard, shards);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 1) log.warn({ stream, err: error }, "the stream's shards cannot be listed, trying again");
        await pause(backoffMs(failures, 2_000), signal);
      }
    }
  };

  /** Before the first record: whose checkpoints these are, and from where a mapping without any reads. */
  const settleStart = async (summary: StreamDescriptionSummary, shards: Shard[]): Promise<void> => {
    const createdMs = summary.StreamCreationTimestamp?.getTime() ?? 0;
    const known = checkpoints.streamCreatedMs();
    if (known !== createdMs) {
      if (known !== undefined && checkpoints.all().size > 0)
        log.error({ stream, known, created: createdMs }, "the stream was made anew, its old checkpoints are set aside");
      await checkpoints.startOver(createdMs);
      const startMs = now();
      if (options.startingPosition === "LATEST")
        for (const { ShardId = "" } of shards) await checkpoints.save(ShardId, { fromMs: startMs, asOfMs: startMs });
    }
    const listed = new Set(shards.map((shard) => shard.ShardId));
    const gone = [...checkpoints.all().keys()].filter((shardId) => !listed.has(shardId));
    if (gone.length > 0) await checkpoints.forget(gone);
  };

  const consumeWhenReady = (summary: StreamDescriptionSummary, shard: Shard, shards: Shard[]): void => {
    const { ShardId = "" } = shard;
    const listed = new Set(shards.map((other) => other.ShardId));
    const isDrained = (id: string | undefined) => !listed.has(id) || checkpoints.all().get(id ?? "")?.drained === true;
    const isReady = isDrained(shard.ParentShardId) && isDrained(shard.AdjacentParentShardId);
    if (!isReady || checkpoints.all().get(ShardId)?.drained || consuming.has(ShardId) || signal.aborted) return;
    const consumer = consume(summary.StreamARN ?? stream, ShardId);
    consuming.set(ShardId, consumer);
  };

  const consume = (streamArn: string, shardId: string): { lag: () => ShardLag; done: Promise<void> } => {
    let position = resume(shardId);
    let handling: ShardRecord[] = [];
    let notedMs = position.asOfMs;
    const save = async (to: Position): Promise<void> => {
      position = to;
      notedMs = now();
      await untilSaved(shardId, to);
    };
    const onCaughtUp = (asOfMs: number): void => {
      if (handling.length > 0 || reader.waiting().records > 0 || asOfMs < notedMs + NOTE_IDLE_MS) return;
      void save({ ...position, asOfMs });
    };
    const from = { stream, shardId, after: position.after, fromMs: position.fromMs };
    const { batchSize, windowMs, busyWindowMs = windowMs, pollMs = POLL_MS } = options;
    const rules = { batchSize, windowMs, busyWindowMs, pollMs };
    const reader: ShardReader = readShard(kinesis, from, rules, { log, now, onCaughtUp }, signal);
    const ports = {
      function: options.function,
      onFailure: options.onFailure,
      checkpoint: ({ sequenceNumber, arrivalMs }: ShardRecord) =>
        save({ ...position, after: sequenceNumber, asOfMs: arrivalMs }),
      log,
      now,
    };
    const deliverRules = { ...options, ageMaxMs, retryDelayMaxMs: options.retryDelayMaxMs ?? RETRY_DELAY_MS_MAX };
    const names = { mappingId: checkpoints.mappingId, streamArn, shardId };
    const run = async (): Promise<void> => {
      for (let batch = await reader.next(); batch; batch = await reader.next()) {
        handling = batch;
        await deliverBatch(names, deliverRules, ports, batch, signal);
        handling = [];
      }
      await reader.stopped;
      if (!reader.ended() || signal.aborted) return;
      await save({ ...position, drained: true });
      consuming.delete(shardId);
      log.info({ stream, shard: shardId }, "shard drained, its children follow");
      await discover();
    };
    const lag = (): ShardLag => {
      const waiting = reader.waiting();
      const oldestMs = handling[0]?.arrivalMs ?? waiting.oldestMs;
      const millisBehindLatest = oldestMs === undefined ? waiting.behindMs : Math.max(0, now() - oldestMs);
      return { millisBehindLatest, records: handling.length + waiting.records };
    };
    return { lag, done: run() };
  };

  const ageMaxMs = (): number => {
    const seconds = options.maximumRecordAgeSeconds;
    return seconds < 0 ? retentionMs : Math.min(seconds * 1_000, retentionMs);
  };

  /** A position older than the retention is of no use: what lay behind it may have expired unread. F19. */
  const resume = (shardId: string): Position => {
    const kept = checkpoints.all().get(shardId);
    if (!kept) return { asOfMs: now() };
    const lostMs = now() - retentionMs - kept.asOfMs;
    if (lostMs <= 0) return kept;
    const lost = { from: new Date(kept.asOfMs).toISOString(), to: new Date(now() - retentionMs).toISOString() };
    log.error(
      { stream, shard: shardId, ...lost, lost_ms: lostMs },
      "records may have expired unread: the checkpoint is older than the stream's retention",
    );
    return { ...kept, after: undefined };
  };

  /** A checkpoint that cannot be written holds its shard: moving on without it would only repeat more later. */
  const untilSaved = async (shardId: string, position: Position): Promise<void> => {
    for (let failures = 1; ; failures += 1) {
      try {
        return await checkpoints.save(shardId, position);
      } catch (error) {
        log.error({ stream, shard: shardId, err: error }, "the checkpoint cannot be written, trying again");
        await pause(backoffMs(failures, 2_000), signal);
        if (signal.aborted) return;
      }
    }
  };

  const started = discover();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await started;
    await Promise.all([...consuming.values()].map((consumer) => consumer.done));
  };
  return { stop, lag: () => new Map([...consuming].map(([shardId, consumer]) => [shardId, consumer.lag()])) };
}

async function describe(kinesis: KinesisClient, StreamName: string, abortSignal: AbortSignal) {
  const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }), {
    abortSignal,
  });
  if (!StreamDescriptionSummary || StreamDescriptionSummary.StreamStatus === "CREATING")
    throw new Error(`stream ${StreamName} is not there yet`);
  return StreamDescriptionSummary;
}

async function listShards(kinesis: KinesisClient, StreamName: string, abortSignal: AbortSignal): Promise<Shard[]> {
  const shards: Shard[] = [];
  let NextToken: string | undefined;
  do {
    const at = NextToken === undefined ? { StreamName } : { NextToken };
    const answer = await kinesis.send(new ListShardsCommand(at), { abortSignal });
    shards.push(...(answer.Shards ?? []));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return shards;
}
