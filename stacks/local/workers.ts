import { join } from "node:path";
import { KinesisClient } from "@aws-sdk/client-kinesis";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { wire as wireArchive } from "../../functions/entry/archive.ts";
import { wire as wireDeadLetter } from "../../functions/entry/dead-letter.ts";
import { wire as wireDeliver } from "../../functions/entry/deliver.ts";
import { wire as wireRepublish } from "../../functions/entry/republish.ts";
import { log } from "../../functions/kit/log.ts";
import { clientConfig } from "../../functions/stores/aws/client.ts";
import { type ClickHouseAddress, createClickHouse } from "../../functions/stores/clickhouse/client.ts";
import { createWriterState } from "../../functions/stores/clickhouse/writer-state.ts";
import { openStores, type Stores, type StoresSettings } from "../../functions/stores/open.ts";
import { runChild } from "./child.ts";
import { closeServer } from "./engines/guarded-server.ts";
import { openCheckpoints } from "./event-source/checkpoints.ts";
import { createFunction } from "./event-source/function.ts";
import { startKinesisMapping } from "./event-source/kinesis-mapping.ts";
import { onFailureToS3 } from "./event-source/on-failure-to-s3.ts";
import { startQueueMapping } from "./event-source/queue-mapping.ts";
import { LOCAL } from "./local-mode.ts";
import { realClock } from "./scheduler/clock.ts";
import { type ScheduledFunction, startScheduler } from "./scheduler/scheduler.ts";
import { queueDepths } from "./status/queue-depths.ts";
import { serveWorkerMetrics } from "./worker-metrics.ts";

export type WorkersOptions = {
  stores: StoresSettings;
  streamUrl: string;
  queuesUrl: string;
  dataDir: string;
  /** Where the metrics are told; 0 or nothing = any free port. */
  metricsPort?: number;
};
export type WorkersReady = { metricsPort: number };

/** What EventBridge calls in AWS. No room has a scheduled function yet. */
const SCHEDULES: ScheduledFunction[] = [];

/** A call to a local engine that has not been answered by then is made again. */
const CALL = { attempts: 3, timeoutMs: 10_000 };
/** A long poll is answered after 20 s. */
const POLL = { attempts: 3, timeoutMs: 30_000 };

/**
 * The consumers, called by the event-source mapper as Lambda calls them. What AWS takes as settings stands here. `wrap`
 * puts something before the stores, such as a test's faults.
 */
export async function startWorkers(
  { stores: settings, streamUrl, queuesUrl, dataDir, metricsPort = 0 }: WorkersOptions,
  wrap: (stores: Stores) => Stores = (stores) => stores,
) {
  const kinesis = new KinesisClient(clientConfig({ region: LOCAL.region, endpoint: streamUrl }, CALL));
  const s3 = new S3Client({
    ...clientConfig({ region: LOCAL.region, endpoint: queuesUrl }, CALL),
    forcePathStyle: true,
  });
  const stores = wrap(openStores(settings));
  const read = async (
    name: string,
    handler: ReturnType<typeof wireDeliver>,
    windows: { windowMs: number; busyWindowMs?: number },
  ) =>
    startKinesisMapping({
      kinesis,
      stream: LOCAL.stream,
      function: createFunction({ name, handler, timeoutMs: 60_000 }),
      checkpoints: await openCheckpoints(join(dataDir, `${name}.json`)),
      log,
      batchSize: 10_000,
      ...windows,
      startingPosition: "TRIM_HORIZON",
      // An engine that is away for long must not send events to the failures: a day of tries, as long as the stream keeps them.
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      bisectOnError: true,
      reportBatchItemFailures: true,
      onFailure: onFailureToS3(s3, LOCAL.failuresBucket),
    });
  // Short enough to be seen at once; a busy stream makes few, large inserts, which cost the warehouse a third (bench).
  const deliver = await read("deliver", wireDeliver(stores), {
    windowMs: 200,
    busyWindowMs: 1_000,
  });
  // Nobody waits for it: long enough that a quiet stream makes few objects.
  const archive = await read("archive", wireArchive(stores), { windowMs: 5_000 });
  const sqs = new SQSClient(clientConfig({ region: LOCAL.region, endpoint: queuesUrl }, POLL));
  // A message may hold some hundred letters or events: as many messages as an invocation has time for.
  const consume = (name: string, queueUrl: string | undefined, handler: ReturnType<typeof wireDeadLetter>) =>
    startQueueMapping({
      sqs,
      queueUrl: queueUrl ?? "",
      function: createFunction({ name, handler, timeoutMs: LOCAL.queueFunctionMs }),
      log,
      batchSize: 5,
      windowMs: 100,
      reportBatchItemFailures: true,
      maximumConcurrency: 2,
    });
  const deadLetter = consume("dead-letter", settings.queues.dlqUrl, wireDeadLetter(stores));
  const republish = consume("republish", settings.queues.retryUrl, wireRepublish(stores));
  const scheduler = startScheduler({ schedules: SCHEDULES, clock: realClock, log });
  const clickhouse = createClickHouse(settings.clickhouse as ClickHouseAddress);
  const told = await serveWorkerMetrics(
    {
      lags: () => ({ deliver: deliver.lag(), archive: archive.lag() }),
      queues: (signal) => queueDepths(sqs, signal),
      writerState: createWriterState(clickhouse),
    },
    metricsPort,
  );
  return {
    ready: { metricsPort: told.port },
    stop: async () => {
      const consumers = [deliver, archive, deadLetter, republish, scheduler].map((each) => each.stop());
      await Promise.all([...consumers, closeServer(told.server, 0)]);
      await clickhouse.close();
    },
  };
}

if (import.meta.main) runChild<WorkersOptions, WorkersReady>((options) => startWorkers(options));
