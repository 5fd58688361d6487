import { randomBytes, randomUUID } from "node:crypto";
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { kinesisAt, s3At, sqsAt } from "../../stacks/local/engines/engine-clients.ts";
import type { EngineName, EngineReady } from "../../stacks/local/engines/list.ts";
import { type ShardRecord, toKinesisEvent } from "../../stacks/local/event-source/kinesis-event.ts";
import { toShardRecord } from "../../stacks/local/event-source/read-shard.ts";
import { toSqsEvent } from "../../stacks/local/event-source/sqs-event.ts";
import { untilActive } from "../../stacks/local/event-source/stream-for-tests.ts";
import type { QueueHandler } from "../deliver/dead-letter.ts";
import { wire as wireDeadLetter } from "../entry/dead-letter.ts";
import { wire as wireDeliver } from "../entry/deliver.ts";
import { wire as wireIngest } from "../entry/ingest.ts";
import { wire as wireQuery } from "../entry/query.ts";
import { wire as wireRepublish } from "../entry/republish.ts";
import { openStores, type Stores, type StoresSettings } from "../stores/open.ts";
import { openPostgres } from "../stores/postgres/client.ts";
import { workspaces } from "../stores/postgres/schema/workspaces.ts";
import { createAddSource } from "../stores/postgres/sources.ts";
import { freshClickHouse } from "./fresh-clickhouse.ts";
import { freshPostgres } from "./fresh-postgres.ts";
import { startCache } from "./start-cache.ts";

const WITH_TIME = { getRemainingTimeInMillis: () => 30_000 };

export type Tenant = { workspaceId: string; sourceId: string; writeKey: string };
export type EngineSystem = Awaited<ReturnType<typeof openEngineSystem>>;

/**
 * The doors and consumers over real engines, in this process, with a stream, queues, databases and a cache of their own.
 * Nothing is consumed by itself: a test drains what it wants, and as often as it wants. `wrap` puts something before the
 * stores of doors and consumers, such as faults.
 */
export async function openEngineSystem(
  engines: Record<EngineName, EngineReady>,
  { wrap = (stores) => stores, shards = 1 }: { wrap?: (stores: Stores) => Stores; shards?: number } = {},
) {
  const name = `t${randomBytes(6).toString("hex")}`;
  const [kinesis, sqs, s3] = [kinesisAt(engines.stream.url), sqsAt(engines.queues.url), s3At(engines.queues.url)];
  const makeQueue = async (queue: string) =>
    (await sqs.send(new CreateQueueCommand({ QueueName: `${name}-${queue}` }))).QueueUrl ?? "";
  const [dlqUrl, retryUrl, warehouse, database, cache] = await Promise.all([
    makeQueue("dlq"),
    makeQueue("retry"),
    freshClickHouse(engines.warehouse.url),
    freshPostgres(engines.database.url),
    startCache(),
    s3.send(new CreateBucketCommand({ Bucket: name })),
    kinesis
      .send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
      .then(() => untilActive(kinesis, name)),
  ]);
  const settings: StoresSettings = {
    aws: { region: "us-east-1", endpoint: engines.stream.url },
    stream: name,
    privacy: { addressHashKey: "test", geoipDatabase: undefined },
    queues: { endpoint: engines.queues.url, dlqUrl, retryUrl, largeBucket: name },
    archive: { endpoint: engines.queues.url, bucket: name },
    clickhouse: { url: engines.warehouse.url, username: "default", password: "", database: warehouse.database },
    postgresUrl: database.url,
    redis: { url: cache.url, token: "local" },
  };
  const stores = wrap(openStores(settings));
  const [ingest, query] = [wireIngest(stores, { localMode: true }), wireQuery(stores, { localMode: true })];
  const [deliver, keep, republish] = [wireDeliver(stores), wireDeadLetter(stores), wireRepublish(stores)];
  const postgres = openPostgres(database.url);

  /** Hands messages to a consumer until the queue is empty; `deliver` says how often each. Returns how many came. */
  const drainQueue = async (QueueUrl: string, handler: QueueHandler, times: number) => {
    let came = 0;
    for (;;) {
      const asked = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 60 });
      const { Messages = [] } = await sqs.send(asked);
      if (Messages.length === 0) return came;
      came += Messages.length;
      for (let time = 0; time < times; time++) {
        const { batchItemFailures } = await handler(toSqsEvent("arn:aws:sqs:test", Messages), WITH_TIME);
        if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} messages failed`);
      }
      for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  };

  return {
    stores,
    settings,
    clickhouse: warehouse.client,
    database: postgres.db,
    cache,
    putRecord: (data: Buffer) => stores.putFrames([{ partitionKey: "k", record: data }]),
    /** A workspace with a source and its key. */
    tenant: async (): Promise<Tenant> => {
      const workspaceId = randomUUID();
      await postgres.db.insert(workspaces).values({ id: workspaceId, name: "Test", tier: "enterprise" });
      const { sourceId, writeKey } = await createAddSource(postgres.db)({ workspaceId, name: "Shop" });
      return { workspaceId, sourceId, writeKey: writeKey.reveal() };
    },
    send: async ({ writeKey }: Tenant, path: string, body: object) => {
      const headers = { "x-write-key": writeKey, "content-type": "application/json" };
      const answer = await ingest.request(path, { method: "POST", headers, body: JSON.stringify(body) });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    ask: async ({ workspaceId }: Pick<Tenant, "workspaceId">, path: string, body?: object) => {
      const headers = { "x-workspace-id": workspaceId, "content-type": "application/json" };
      const post = body && { method: "POST", body: JSON.stringify(body) };
      const answer = await query.request(path, { headers, ...post });
      // biome-ignore lint/suspicious/noExplicitAny: answers are read by the tests that know them
      return { status: answer.status, body: (await answer.json()) as any };
    },
    ingest,
    query,
    drainDeadLetters: (times = 1) => drainQueue(dlqUrl, keep, times),
    drainRetries: (times = 1) => drainQueue(retryUrl, republish, times),
    records: () => recordsOf(kinesis, name),
    /**
     * The whole stream from its start, or the shards of it that are `drained`, so many records at a time: what is stored
     * already must not be stored again.
     */
    drainStream: async (batchSize = 10_000, drained: (of: { shard: string }) => boolean = () => true) => {
      for (const { shard, records } of (await recordsOf(kinesis, name)).filter(drained)) {
        const arn = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`;
        for (let at = 0; at < records.length; at += batchSize) {
          const batch = toKinesisEvent(arn, shard, records.slice(at, at + batchSize));
          const { batchItemFailures } = await deliver(batch, WITH_TIME);
          if (batchItemFailures.length > 0) throw new Error("the consumer failed");
        }
      }
    },
    close: async () => {
      await Promise.all([warehouse.drop(), postgres.close().then(database.drop), cache.stop()]);
      for (const client of [kinesis, sqs, s3]) client.destroy();
    },
  };
}

async function recordsOf(kinesis: KinesisClient, StreamName: string) {
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName }));
  return Promise.all(
    Shards.map(async ({ ShardId = "" }) => {
      const start = { StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" as const };
      let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(start));
      const records: ShardRecord[] = [];
      for (;;) {
        const { Records = [], NextShardIterator } = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
        records.push(...Records.map(toShardRecord));
        if (Records.length === 0) return { shard: ShardId, records };
        ShardIterator = NextShardIterator;
      }
    }),
  );
}
