import type { KinesisStreamEvent } from "aws-lambda";
import { runChild } from "../../../stacks/local/child.ts";
import { kinesisAt } from "../../../stacks/local/engines/engine-clients.ts";
import { openCheckpoints } from "../../../stacks/local/event-source/checkpoints.ts";
import { createFunction } from "../../../stacks/local/event-source/function.ts";
import { startKinesisMapping } from "../../../stacks/local/event-source/kinesis-mapping.ts";
import { wire } from "../../entry/deliver.ts";
import { log } from "../../kit/log.ts";
import { openStores, type StoresSettings } from "../../stores/open.ts";

/** Where the process dies at its `killAt`-th insert; `amid` is when the engine has the rows and works on them. */
export type Moment = "amid" | "behind";
/** `failFirst`: the first invocation throws, so that its batch is halved. */
export type WriterOptions = {
  stores: StoresSettings;
  streamUrl: string;
  checkpoints: string;
  batchSize: number;
  killAt?: { insert: number; moment: Moment };
  failFirst?: boolean;
};

/** Long enough for the rows to be with the engine, whose lane the test holds. */
const ON_THE_WAY_MS = 400;

const die = () => {
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => {});
};

/** The writer in a process of its own, over a mapping with its checkpoints, to be killed at a named point. */
runChild<WriterOptions, Record<string, never>>(async (options) => {
  const { stores: settings, streamUrl, checkpoints, batchSize, killAt, failFirst = false } = options;
  const stores = openStores(settings);
  const { insert: real } = stores.warehouse;
  let inserts = 0;
  const insert: typeof real = async (...call) => {
    const isLast = ++inserts === killAt?.insert;
    if (isLast && killAt?.moment === "amid") setTimeout(die, ON_THE_WAY_MS);
    await real(...call);
    if (isLast) return die();
  };
  const deliver = wire({ ...stores, warehouse: { ...stores.warehouse, insert } });
  let invocations = 0;
  const mapping = startKinesisMapping({
    kinesis: kinesisAt(streamUrl),
    stream: settings.stream,
    function: createFunction<KinesisStreamEvent>({
      name: "deliver",
      handler: async (event, context) => {
        if (failFirst && ++invocations === 1) throw new Error("the invocation ended without an answer");
        return deliver(event, context);
      },
      timeoutMs: 60_000,
    }),
    checkpoints: await openCheckpoints(checkpoints),
    log,
    batchSize,
    windowMs: 0,
    startingPosition: "TRIM_HORIZON",
    maximumRetryAttempts: -1,
    maximumRecordAgeSeconds: -1,
    bisectOnError: true,
    reportBatchItemFailures: true,
    retryDelayMaxMs: 50,
  });
  return { ready: {}, stop: mapping.stop };
});
