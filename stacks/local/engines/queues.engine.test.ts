import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Child, startChild } from "../child.ts";
import { s3At, sqsAt } from "./engine-clients.ts";
import { type EngineReady, engineFile } from "./list.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let dataDir: string;
let engine: Child<EngineReady>;
let sqs: SQSClient;
let s3: S3Client;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-queues-"));
  await start();
});
afterAll(async () => {
  await engine.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  engine = await startChild(engineFile("queues"), { dataDir, port: 0 });
  [sqs, s3] = [sqsAt(engine.ready.url), s3At(engine.ready.url)];
}
async function kill(): Promise<void> {
  engine.process.kill("SIGKILL");
  await engine.exited;
}
const createQueue = async (QueueName: string, Attributes: Record<string, string> = {}) =>
  (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
const send = (QueueUrl: string, MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
const receive = async (QueueUrl: string, more: { WaitTimeSeconds?: number; VisibilityTimeout?: number } = {}) => {
  const MessageSystemAttributeNames = ["All" as const];
  const command = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: 10,
    MessageSystemAttributeNames,
    ...more,
  });
  return (await sqs.send(command)).Messages ?? [];
};

test("acknowledged messages and objects are there after SIGKILL, what was deleted is not, on another port", async () => {
  const url = await createQueue("killed");
  for (let call = 0; call < 10; call += 1) {
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `${index}`, MessageBody: `${call}:${index}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  const taken = await receive(url);
  for (const { ReceiptHandle } of taken) await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
  await s3.send(new CreateBucketCommand({ Bucket: "kept" }));
  const Body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
  await s3.send(new PutObjectCommand({ Bucket: "kept", Key: "a/b c/ü.bin", Body }));
  await kill();
  await start();

  const { QueueUrl = "" } = await sqs.send(new GetQueueUrlCommand({ QueueName: "killed" }));
  expect(QueueUrl).toMatch(`${engine.ready.url}/`);
  const bodies = new Set<string | undefined>();
  for (let messages = await receive(QueueUrl); messages.length > 0; messages = await receive(QueueUrl))
    for (const message of messages) bodies.add(message.Body);
  expect(bodies.size).toBe(90);
  for (const message of taken) expect(bodies).not.toContain(message.Body);
  const object = await s3.send(new GetObjectCommand({ Bucket: "kept", Key: "a/b c/ü.bin" }));
  expect(Buffer.from((await object.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true);
});

test("a queue's URL has the address of the request, so that no name has to be resolved", async () => {
  const url = await createQueue("addressed");
  expect(url).toMatch(`${engine.ready.url}/`);
});

test("a message can be made visible at once", async () => {
  const url = await createQueue("visible", { VisibilityTimeout: "600" });
  await send(url, "again");
  const [message] = await receive(url);
  const at = { QueueUrl: url, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 0 };
  await sqs.send(new ChangeMessageVisibilityCommand(at));
  const [again] = await receive(url);
  expect(again).toMatchObject({ Body: "again", Attributes: { ApproximateReceiveCount: "2" } });
});

test("a long poll whose client is gone does not swallow the next message", async () => {
  const url = await createQueue("gone", { VisibilityTimeout: "600" });
  const abort = new AbortController();
  const poll = sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20 }), {
    abortSignal: abort.signal,
  });
  await sleep(300);
  abort.abort();
  await expect(poll).rejects.toThrow();
  await sleep(100);
  await send(url, "for the living");
  const [message] = await receive(url, { WaitTimeSeconds: 5 });
  expect(message).toMatchObject({ Body: "for the living", Attributes: { ApproximateReceiveCount: "1" } });
});

test("a message received too often is in the dead-letter queue, also after SIGKILL", async () => {
  await createQueue("dead");
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead",
    maxReceiveCount: 2,
  });
  const url = await createQueue("redriven", { RedrivePolicy, VisibilityTimeout: "0" });
  await send(url, "poison");
  for (let attempt = 0; attempt < 3; attempt += 1) await receive(url);
  await kill();
  await start();
  const { QueueUrl = "" } = await sqs.send(new GetQueueUrlCommand({ QueueName: "dead" }));
  expect((await receive(QueueUrl)).map((message) => message.Body)).toEqual(["poison"]);
});

test("every character that SQS takes is taken, and the others are refused", async () => {
  const url = await createQueue("characters");
  await send(url, "tab\tÄ漢😀");
  expect((await receive(url)).map((message) => message.Body)).toEqual(["tab\tÄ漢😀"]);
  await expect(send(url, "\u0001")).rejects.toThrow(/Invalid characters/);
});

test.each([
  [{ origin: "https://evil.example" }, 403],
  [{}, 200],
])("a request with %o is answered with %i", async (headers, status) => {
  expect((await fetch(engine.ready.url, { headers })).status).toBe(status);
});
