import { appendFile } from "node:fs/promises";
import type { KinesisStreamEvent } from "aws-lambda";
import { runChild } from "../child.ts";
import { kinesisAt } from "../engines/engine-clients.ts";
import { openCheckpoints } from "./checkpoints.ts";
import { createFunction } from "./function.ts";
import { startKinesisMapping } from "./kinesis-mapping.ts";
import { valuesOf } from "./stream-for-tests.ts";

export type ConsumerOptions = { url: string; stream: string; checkpoints: string; delivered: string };

/** A consumer in a process of its own, to be killed: its handler appends what it got to a file, a line each. */
runChild<ConsumerOptions, Record<string, never>>(async ({ url, stream, checkpoints, delivered }) => {
  const handler = async (event: KinesisStreamEvent) => {
    await appendFile(delivered, `${valuesOf(event).join("\n")}\n`);
    return { batchItemFailures: [] };
  };
  const silent = () => {};
  const mapping = startKinesisMapping({
    kinesis: kinesisAt(url),
    stream,
    function: createFunction({ name: "consumer", handler, timeoutMs: 10_000 }),
    checkpoints: await openCheckpoints(checkpoints),
    log: { info: silent, warn: silent, error: silent },
    batchSize: 7,
    windowMs: 0,
    startingPosition: "TRIM_HORIZON",
    maximumRetryAttempts: -1,
    maximumRecordAgeSeconds: -1,
    bisectOnError: false,
    reportBatchItemFailures: true,
  });
  return { ready: {}, stop: mapping.stop };
});
