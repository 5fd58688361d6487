import { setTimeout as wait } from "node:timers/promises";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  ResourceInUseException,
} from "@aws-sdk/client-kinesis";
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfig } from "../../functions/stores/aws/client.ts";
import { createClickHouse } from "../../functions/stores/clickhouse/client.ts";
import { openPostgres } from "../../functions/stores/postgres/client.ts";
import { seedLocal } from "../../functions/stores/postgres/local-seed.ts";
import { createRedis } from "../../functions/stores/redis/client.ts";
import { backdateEpoch, CLAIM_SECONDS } from "../../functions/stores/redis/epoch.ts";
import { createGrouped } from "../../functions/stores/redis/grouped.ts";
import { openDatabase } from "../../sql/migrate/addresses.ts";
import { folderOf, readMigrations } from "../../sql/migrate/files.ts";
import type { EngineKind } from "../../sql/migrate/migration.ts";
import { migrateUp } from "../../sql/migrate/run.ts";
import { LOCAL } from "./local-mode.ts";
import { lagOf } from "./status/lag.ts";
import type { Addresses } from "./system.ts";

/** Where the engines are reached. */
export type Engines = Omit<Addresses, "ingestUrl" | "apiUrl" | "workersUrl">;

const CALL = { attempts: 3, timeoutMs: 10_000 };

/** The queues' own addresses. */
export type Queues = { dlqUrl: string; retryUrl: string };

/**
 * Makes what the stacks make in AWS, where it is missing: the stream, the queues and the buckets; then the tables, and the
 * local workspace with its keys. Doing it again changes nothing. Migrations run here for the local data only (decision 24).
 */
export async function prepareStores(engines: Engines): Promise<Queues> {
  const [queues] = await Promise.all([
    makeQueues(engines.queuesUrl),
    makeStream(engines.streamUrl),
    makeBuckets(engines.queuesUrl),
    migrate("postgres", engines).then(() => seed(engines.postgresUrl)),
    migrate("clickhouse", engines),
  ]);
  await settleEpoch(engines, queues);
  return queues;
}

async function migrate(kind: EngineKind, { postgresUrl, clickhouseUrl }: Engines): Promise<void> {
  const addresses = { POSTGRES_URL: postgresUrl, CLICKHOUSE_URL: clickhouseUrl, CLICKHOUSE_DATABASE: LOCAL.database };
  const database = await openDatabase(kind, addresses);
  try {
    await migrateUp(database, await readMigrations(folderOf(kind)));
  } finally {
    await database.close();
  }
}

async function seed(url: string): Promise<void> {
  const { db, close } = openPostgres(url);
  await seedLocal(db, LOCAL);
  await close();
}

/**
 * The local cache forgets its claims with every start, so what comes next would be suspect for a day. Where the table
 * holds nothing of the last day, and nothing is on its way there, no claim can be missing. Decision 15a.
 */
async function settleEpoch(engines: Engines, queues: Queues): Promise<void> {
  const clickhouse = createClickHouse({ url: engines.clickhouseUrl, database: LOCAL.database });
  const sql = "SELECT count() AS events FROM events WHERE received_at > now64() - INTERVAL 1 DAY";
  const answer = await clickhouse.query({ query: sql, format: "JSONEachRow" });
  const [row] = await answer.json<{ events: string | number }>();
  await clickhouse.close();
  if (Number(row?.events) > 0 || (await isOnItsWay(engines, queues))) return;
  const client = createRedis({ url: engines.cacheUrl, token: LOCAL.redisToken, budgetMs: 5_000 });
  await backdateEpoch(createGrouped({ client }), Date.now() - CLAIM_SECONDS * 1_000);
}

/** Whether the stream or the retry queue holds anything: a system that was killed may have stored nothing of it yet. */
async function isOnItsWay({ streamUrl, queuesUrl }: Engines, { retryUrl }: Queues): Promise<boolean> {
  const kinesis = new KinesisClient(clientConfig({ region: LOCAL.region, endpoint: streamUrl }, CALL));
  const sqs = new SQSClient(clientConfig({ region: LOCAL.region, endpoint: queuesUrl }, CALL));
  try {
    const shards = await lagOf(kinesis, LOCAL.stream, () => undefined, Date.now);
    if (shards.some(({ records, more }) => records > 0 || more)) return true;
    const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
    const asked = new GetQueueAttributesCommand({ QueueUrl: retryUrl, AttributeNames: [...AttributeNames] });
    const { Attributes = {} } = await sqs.send(asked);
    return AttributeNames.some((name) => Number(Attributes[name]) > 0);
  } finally {
    kinesis.destroy();
    sqs.destroy();
  }
}

async function makeStream(endpoint: string): Promise<void> {
  const kinesis = new KinesisClient(clientConfig({ region: LOCAL.region, endpoint }, CALL));
  const StreamName = LOCAL.stream;
  try {
    await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: LOCAL.shards }));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  for (;;) {
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    if (StreamDescriptionSummary?.StreamStatus === "ACTIVE") break;
    await wait(20);
  }
  kinesis.destroy();
}

async function makeQueues(endpoint: string): Promise<Queues> {
  const sqs = new SQSClient(clientConfig({ region: LOCAL.region, endpoint }, CALL));
  const [dlqUrl, retryUrl] = await Promise.all([makeQueue(sqs, LOCAL.dlq), makeQueue(sqs, LOCAL.retry)]);
  sqs.destroy();
  return { dlqUrl, retryUrl };
}

/** A queue of the workers, and the one that takes what failed too often: `<name>-dead`. */
async function makeQueue(sqs: SQSClient, name: string): Promise<string> {
  const MessageRetentionPeriod = String(LOCAL.retentionSeconds);
  const dead = await sqs.send(new CreateQueueCommand({ QueueName: `${name}-dead` }));
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, Attributes: { MessageRetentionPeriod } }));
  const asked = new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ["QueueArn"] });
  const deadLetterTargetArn = (await sqs.send(asked)).Attributes?.QueueArn;
  const Attributes = {
    MessageRetentionPeriod,
    VisibilityTimeout: String(LOCAL.visibilitySeconds),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: LOCAL.receivesMax }),
  };
  // Set and not created with: a queue that an older version made would be refused.
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
  return QueueUrl;
}

async function makeBuckets(endpoint: string): Promise<void> {
  const s3 = new S3Client({ ...clientConfig({ region: LOCAL.region, endpoint }, CALL), forcePathStyle: true });
  await Promise.all(
    [LOCAL.failuresBucket, LOCAL.largeBucket, LOCAL.archiveBucket].map((bucket) => makeBucket(s3, bucket)),
  );
  s3.destroy();
}

async function makeBucket(s3: S3Client, Bucket: string): Promise<void> {
  try {
    await s3.send(new CreateBucketCommand({ Bucket }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  }
}
