import { setTimeout as wait } from "node:timers/promises";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  ResourceInUseException,
} from "@aws-sdk/client-kinesis";
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { clientConfig } from "../../functions/stores/aws/client.ts";
import { LOCAL } from "./local-mode.ts";
import type { Addresses } from "./system.ts";

type Engines = Omit<Addresses, "ingestUrl" | "apiUrl">;

const CALL = { attempts: 3, timeoutMs: 10_000 };

/**
 * Makes what the stacks make in AWS, where it is missing: the stream, the queue and the bucket; then the tables, and the
 * local workspace with its keys. Doing it again changes nothing. Migrations run here for the local data only (decision 24).
 */
export async function prepareStores(engines: Engines): Promise<{ dlqUrl: string }> {
  const [dlqUrl] = await Promise.all([
    makeQueue(engines.queuesUrl),
    makeStream(engines.streamUrl),
    makeBucket(engines.queuesUrl),
  ]);
  return { dlqUrl };
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

async function makeQueue(endpoint: string): Promise<string> {
  const sqs = new SQSClient(clientConfig({ region: LOCAL.region, endpoint }, CALL));
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: LOCAL.dlq }));
  sqs.destroy();
  return QueueUrl;
}

async function makeBucket(endpoint: string): Promise<void> {
  const s3 = new S3Client({ ...clientConfig({ region: LOCAL.region, endpoint }, CALL), forcePathStyle: true });
  try {
    await s3.send(new CreateBucketCommand({ Bucket: LOCAL.failuresBucket }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  }
  s3.destroy();
}
