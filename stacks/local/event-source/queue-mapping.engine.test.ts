import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "../../../functions/testing/local-system.ts";
import { type Child, startChild } from "../child.ts";
import { s3At, sqsAt } from "../engines/engine-clients.ts";
import { type EngineReady, engineFile } from "../engines/list.ts";
import { createFunction, type LambdaHandler } from "./function.ts";
import type { FailedInvocation } from "./invocation-record.ts";
import { toKinesisEvent } from "./kinesis-event.ts";
import { onFailureToS3 } from "./on-failure-to-s3.ts";
import { type QueueMapping, type QueueMappingOptions, startQueueMapping } from "./queue-mapping.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let dataDir: string;
let engine: Child<EngineReady>;
let sqs: SQSClient;
const mappings: QueueMapping[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-queue-mapping-"));
  await start(0);
  sqs = sqsAt(engine.ready.url);
});
const stopMappings = () => Promise.all(mappings.splice(0).map((mapping) => mapping.stop()));
afterAll(async () => {
  await stopMappings();
  await engine.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(port: number): Promise<void> {
  engine = await startChild(engineFile("queues"), { dataDir, port });
}
const until = (condition: () => unknown) => ({
  toBe: (value: unknown) => eventually(async () => expect(await condition()).toBe(value), 60_000),
  toEqual: (value: unknown) => eventually(async () => expect(await condition()).toEqual(value), 60_000),
});
const createQueue = async (QueueName: string, Attributes: Record<string, string> = { VisibilityTimeout: "5" }) =>
  (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
async function send(QueueUrl: string, bodies: string[]): Promise<void> {
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies.slice(at, at + 10).map((MessageBody, index) => ({ Id: `${index}`, MessageBody }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
}
async function left(QueueUrl: string): Promise<number> {
  const AttributeNames = ["ApproximateNumberOfMessages" as const, "ApproximateNumberOfMessagesNotVisible" as const];
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}
function map(
  queueUrl: string,
  handler: LambdaHandler<SQSEvent>,
  options: Partial<QueueMappingOptions> & { timeoutMs?: number } = {},
) {
  const log: { level: string; message: string }[] = [];
  const logAt = (level: string) => (_fields: object, message: string) => void log.push({ level, message });
  const { timeoutMs = 10_000 } = options;
  const mapping = startQueueMapping({
    sqs,
    queueUrl,
    function: createFunction({ name: "test", handler, timeoutMs }),
    log: { info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
    batchSize: 10,
    windowMs: 0,
    reportBatchItemFailures: true,
    maximumConcurrency: 2,
    ...options,
  });
  mappings.push(mapping);
  return { ...mapping, log };
}
function noting(answer: (event: SQSEvent) => unknown = () => undefined) {
  const batches: string[][] = [];
  const handler = async (event: SQSEvent) => {
    batches.push(event.Records.map((record) => record.body));
    return answer(event);
  };
  return { handler, batches, seen: () => batches.flat() };
}
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

// Each has a queue of its own, and most wait for a visibility to end: together.
test.concurrent("every message is handled and deleted, in batches of at most batchSize", async () => {
  const url = await createQueue("plain");
  await send(url, numbered(25));
  const { handler, batches, seen } = noting();
  map(url, handler, { batchSize: 4 });
  await until(() => [...new Set(seen())].length).toBe(25);
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(4);
  await until(() => left(url)).toBe(0);
});

test.concurrent("only the reported messages return, the others are deleted", async () => {
  const url = await createQueue("partial");
  await send(url, ["a", "bad", "c"]);
  const once = new Set<string>();
  const { handler, batches } = noting(({ Records }) => ({
    batchItemFailures: Records.filter(({ body }) => body === "bad" && !once.has(body) && once.add(body)).map(
      ({ messageId }) => ({ itemIdentifier: messageId }),
    ),
  }));
  map(url, handler);
  await until(() => left(url)).toBe(0);
  expect(batches.map((batch) => batch.toSorted())).toEqual([["a", "bad", "c"], ["bad"]]);
});

test.concurrent.each<[string, (event: SQSEvent) => unknown]>([
  ["an error", () => Promise.reject(new Error("no"))],
  ["an unknown identifier", () => ({ batchItemFailures: [{ itemIdentifier: "nobody" }] })],
  ["an empty identifier", () => ({ batchItemFailures: [{ itemIdentifier: "" }] })],
  ["running out of time", () => sleep(400)],
])("after %s the whole batch returns when its visibility ends", async (name, first) => {
  const url = await createQueue(`returns-${name.replaceAll(" ", "-")}`);
  await send(url, ["x", "y"]);
  let calls = 0;
  const { handler, batches } = noting((event) => {
    calls += 1;
    return calls === 1 ? first(event) : { batchItemFailures: [] };
  });
  map(url, handler, { timeoutMs: 200 });
  await until(() => left(url)).toBe(0);
  expect(batches[0]?.toSorted()).toEqual(["x", "y"]);
  expect(batches.slice(1).flat().toSorted()).toEqual(["x", "y"]);
});

test.concurrent("without ReportBatchItemFailures any answer is success", async () => {
  const url = await createQueue("not-reporting");
  await send(url, ["x"]);
  const { handler, batches } = noting(({ Records }) => ({
    batchItemFailures: [{ itemIdentifier: Records[0]?.messageId }],
  }));
  map(url, handler, { reportBatchItemFailures: false });
  await until(() => left(url)).toBe(0);
  expect(batches).toEqual([["x"]]);
});

test.concurrent("a message that fails too often is in the dead-letter queue, counted by its receives", async () => {
  const dead = await createQueue("too-often-dead");
  const deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:too-often-dead";
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
  const url = await createQueue("too-often", { VisibilityTimeout: "1", RedrivePolicy });
  await send(url, ["poison"]);
  const counts: string[] = [];
  map(url, async ({ Records }) => {
    counts.push(...Records.map((record) => record.attributes.ApproximateReceiveCount));
    throw new Error("always");
  });
  await until(() => left(dead)).toBe(1);
  expect(counts).toEqual(["1", "2"]);
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead }));
  expect(Messages?.[0]?.Body).toBe("poison");
});

test.concurrent("with a window a batch holds more than one call to SQS can give", async () => {
  const url = await createQueue("window", { VisibilityTimeout: "30" });
  await send(url, numbered(40));
  const { handler, batches } = noting();
  map(url, handler, { batchSize: 40, windowMs: 5_000 });
  await until(() => left(url)).toBe(0);
  expect(batches.map((batch) => batch.length)).toEqual([40]);
});

test.concurrent("a batch above ten without a window is refused, as AWS refuses it", () => {
  expect(() => map("http://127.0.0.1:1/q", () => {}, { batchSize: 11 })).toThrow(/needs a window/);
});

test.concurrent("an invocation has at most 6 MB of payload", async () => {
  const url = await createQueue("heavy", { VisibilityTimeout: "30" });
  for (let index = 0; index < 8; index += 1)
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "x".repeat(1_000_000) }));
  const sizes: number[] = [];
  map(url, (event) => void sizes.push(JSON.stringify(event).length));
  await until(() => left(url)).toBe(0);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(6 * 1_024 * 1_024);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(8_000_000);
});

test.concurrent("no more invocations run at once than allowed", async () => {
  const url = await createQueue("narrow", { VisibilityTimeout: "30" });
  await send(url, numbered(20));
  let [running, most, handled] = [0, 0, 0];
  const three = Promise.withResolvers<void>();
  map(
    url,
    async ({ Records }) => {
      running += 1;
      most = Math.max(most, running);
      if (running === 3) three.resolve();
      await three.promise;
      await sleep(50);
      handled += Records.length;
      running -= 1;
    },
    { batchSize: 1, maximumConcurrency: 3 },
  );
  await until(() => handled).toBe(20);
  expect(most).toBe(3);
});

test.concurrent("a throttled batch returns without having been handled", async () => {
  const url = await createQueue("throttled");
  await send(url, ["x"]);
  const gate = Promise.withResolvers<void>();
  const { handler, batches } = noting();
  const busy = createFunction<SQSEvent>({
    name: "busy",
    timeoutMs: 60_000,
    concurrencyMax: 1,
    handler: (event) => (event.Records.length === 0 ? gate.promise : handler(event)),
  });
  const occupied = busy.invoke({ Records: [] });
  const { log } = map(url, handler, { function: busy });
  await until(() => log.some(({ message }) => message.startsWith("throttled"))).toBe(true);
  gate.resolve();
  await occupied;
  await until(() => left(url)).toBe(0);
  expect(batches).toEqual([["x"]]);
});

test.concurrent("the event is that of Lambda, message attributes included", async () => {
  const QueueUrl = await createQueue("shape");
  const { MessageId } = await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: "hä",
      MessageAttributes: {
        text: { DataType: "String", StringValue: "t" },
        bytes: { DataType: "Binary", BinaryValue: Buffer.from([1, 2]) },
      },
    }),
  );
  const events: SQSEvent[] = [];
  map(QueueUrl, (event) => void events.push(event));
  await until(() => events.length).toBe(1);
  const digits = expect.stringMatching(/^\d+$/);
  expect(events[0]?.Records[0]).toEqual({
    messageId: MessageId,
    receiptHandle: expect.any(String),
    body: "hä",
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: digits,
      SenderId: digits,
      ApproximateFirstReceiveTimestamp: digits,
    },
    messageAttributes: {
      text: { stringValue: "t", stringListValues: [], binaryListValues: [], dataType: "String" },
      bytes: { binaryValue: "AQI=", stringListValues: [], binaryListValues: [], dataType: "Binary" },
    },
    md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
    md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:shape",
    awsRegion: "us-east-1",
  });
});

test.concurrent("stop waits for the invocation in flight and deletes what it did; the rest is visible at once", async () => {
  const url = await createQueue("drained", { VisibilityTimeout: "600" });
  await send(url, ["first"]);
  const gate = Promise.withResolvers<void>();
  const { handler, seen } = noting(() => gate.promise);
  const mapping = map(url, handler, { batchSize: 2, windowMs: 300 });
  await until(() => mapping.inFlight()).toBe(1);
  await send(url, ["second"]);
  await sleep(100);
  let ended = false;
  const stopped = mapping.stop().then(() => {
    ended = true;
  });
  await sleep(500);
  expect(ended).toBe(false);
  gate.resolve();
  await stopped;
  expect(seen()).toEqual(["first"]);
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 1 }));
  expect(Messages.map((message) => message.Body)).toEqual(["second"]);
});

test("an engine that is killed and started again is waited for, and no acknowledged message is lost", async () => {
  await stopMappings();
  const url = await createQueue("killed");
  const { handler, seen } = noting();
  const { log } = map(url, handler);
  await send(url, numbered(20));
  engine.process.kill("SIGKILL");
  await engine.exited;
  await until(() => log.some(({ level }) => level === "warn")).toBe(true);
  await start(engine.ready.port);
  await send(url, ["after"]);
  await until(() => [...new Set(seen())].toSorted()).toEqual([...numbered(20), "after"].toSorted());
  await until(() => left(url)).toBe(0);
});

test("the on-failure bucket gets the whole invocation record under Lambda's key", async () => {
  const s3 = s3At(engine.ready.url);
  await s3.send(new CreateBucketCommand({ Bucket: "failures" }));
  const streamArn = "arn:aws:kinesis:us-east-1:000000000000:stream/events";
  const shardId = "shardId-000000000000";
  const record = { sequenceNumber: "4".repeat(56), partitionKey: "k", data: Buffer.from("payload"), arrivalMs: 1_000 };
  const failed: FailedInvocation = {
    mappingId: "11111111-1111-4111-8111-111111111111",
    functionArn: "arn:aws:lambda:us-east-1:000000000000:function:f",
    streamArn,
    shardId,
    requestId: "r",
    condition: "RecordAgeExceeded",
    functionError: undefined,
    invocations: 0,
    event: toKinesisEvent(streamArn, shardId, [record]),
    atMs: Date.UTC(2026, 4, 6, 7, 8, 9),
  };
  await onFailureToS3(s3, "failures")(failed);
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "failures" }));
  expect(Contents[0]?.Key).toMatch(
    /^aws\/lambda\/11111111-[-1-8]+\/shardId-000000000000\/2026\/05\/06\/2026-05-06T07\.08\.09-[0-9a-f-]{36}$/,
  );
  const object = await s3.send(new GetObjectCommand({ Bucket: "failures", Key: Contents[0]?.Key }));
  const document = JSON.parse((await object.Body?.transformToString()) ?? "") as { payload: string };
  expect(document).toMatchObject({
    requestContext: { condition: "RecordAgeExceeded" },
    KinesisBatchInfo: { batchSize: 1 },
  });
  expect(JSON.parse(document.payload)).toEqual(failed.event);
});
