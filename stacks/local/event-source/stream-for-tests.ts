import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import type { KinesisStreamEvent } from "aws-lambda";
import { startChild } from "../child.ts";
import { kinesisAt } from "../engines/engine-clients.ts";
import { type EngineReady, engineFile } from "../engines/list.ts";
import { openCheckpoints } from "./checkpoints.ts";
import { createFunction, type LambdaHandler } from "./function.ts";
import { type KinesisMapping, type KinesisMappingOptions, startKinesisMapping } from "./kinesis-mapping.ts";

export type LogLine = { level: "info" | "warn" | "error"; message: string } & Record<string, unknown>;
export type Delivery = { shard: string; values: string[]; atMs: number };

/** A stream engine of a test file's own, which it may kill, and mappings over it. */
export async function openTestStream() {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-mapping-"));
  const start = (port: number) =>
    startChild<unknown, EngineReady>(engineFile("stream"), { dataDir: join(dataDir, "stream"), port });
  let engine = await start(0);
  const { port, url } = engine.ready;
  const kinesis = kinesisAt(url);
  const mappings: KinesisMapping[] = [];
  const stopMappings = async () => {
    await Promise.all(mappings.splice(0).map((mapping) => mapping.stop()));
  };

  const createStream = async (StreamName: string, ShardCount = 1): Promise<string> => {
    await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount }));
    await untilActive(kinesis, StreamName);
    return StreamName;
  };
  /** Puts values as records; `key` decides the shard. Returns their sequence numbers. */
  const put = async (StreamName: string, values: string[], key = "k"): Promise<string[]> => {
    const numbers: string[] = [];
    for (let at = 0; at < values.length; at += 500) {
      const Records = values.slice(at, at + 500).map((value) => ({ Data: Buffer.from(value), PartitionKey: key }));
      const answer = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
      numbers.push(...(answer.Records ?? []).map((record) => record.SequenceNumber ?? ""));
    }
    return numbers;
  };

  const map = async (
    stream: string,
    handler: LambdaHandler<KinesisStreamEvent>,
    options: Partial<KinesisMappingOptions> & { timeoutMs?: number; concurrencyMax?: number } = {},
  ): Promise<KinesisMapping & { log: LogLine[] }> => {
    const log: LogLine[] = [];
    const logAt = (level: LogLine["level"]) => (fields: object, message: string) =>
      void log.push({ ...fields, level, message });
    const { timeoutMs = 10_000, concurrencyMax = 1_000 } = options;
    const mapping = startKinesisMapping({
      kinesis,
      stream,
      function: createFunction({ name: "test", handler, timeoutMs, concurrencyMax }),
      checkpoints: await openCheckpoints(join(dataDir, `${stream}.json`)),
      log: { info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
      batchSize: 100,
      windowMs: 0,
      startingPosition: "TRIM_HORIZON",
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      bisectOnError: false,
      reportBatchItemFailures: true,
      pollMs: 10,
      retryDelayMaxMs: 100,
      ...options,
    });
    mappings.push(mapping);
    return { ...mapping, log };
  };

  return {
    kinesis,
    url,
    dataDir,
    createStream,
    put,
    map,
    /** Waits for the invocations in flight of every mapping that is still running. */
    stopMappings,
    kill: async () => {
      engine.process.kill("SIGKILL");
      await engine.exited;
    },
    /** Again on the same port, as the supervisor does. */
    restart: async () => {
      engine = await start(port);
    },
    close: async () => {
      await stopMappings();
      await engine.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export const valuesOf = (event: KinesisStreamEvent): string[] =>
  event.Records.map((record) => Buffer.from(record.kinesis.data, "base64").toString());

/** A handler that notes every batch, and answers or throws what `answer` decides. */
export function noting(answer: (values: string[], event: KinesisStreamEvent) => unknown = () => undefined) {
  const deliveries: Delivery[] = [];
  const handler = async (event: KinesisStreamEvent): Promise<unknown> => {
    const values = valuesOf(event);
    deliveries.push({ shard: event.Records[0]?.eventID.split(":")[0] ?? "", values, atMs: Date.now() });
    return answer(values, event);
  };
  const batches = () => deliveries.map((delivery) => delivery.values);
  return { handler, deliveries, batches, seen: () => batches().flat() };
}

export async function untilActive(kinesis: KinesisClient, StreamName: string): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    if (StreamDescriptionSummary?.StreamStatus === "ACTIVE") return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
