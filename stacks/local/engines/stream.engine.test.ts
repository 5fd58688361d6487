import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  PutRecordsCommand,
  type ShardIteratorType,
  SplitShardCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Child, startChild } from "../child.ts";
import { kinesisAt } from "./engine-clients.ts";
import { type EngineReady, engineFile } from "./list.ts";
import { WAIT_HEADER } from "./stream/long-poll.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let dataDir: string;
let engine: Child<EngineReady>;
let kinesis: KinesisClient;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-stream-"));
  await start();
});
afterAll(async () => {
  await engine.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  engine = await startChild(engineFile("stream"), { dataDir, port: 0 });
  kinesis = kinesisAt(engine.ready.url);
}

async function createStream(StreamName: string): Promise<void> {
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await expect.poll(async () => (await summary(StreamName))?.StreamStatus, { timeout: 60_000 }).toBe("ACTIVE");
}
const summary = async (StreamName: string) =>
  (await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary;
const put = async (StreamName: string, values: (string | Buffer)[]) =>
  (
    await kinesis.send(
      new PutRecordsCommand({
        StreamName,
        Records: values.map((value) => ({ Data: Buffer.from(value), PartitionKey: "k" })),
      }),
    )
  ).Records?.map((record) => record.SequenceNumber ?? "") ?? [];
async function iterator(StreamName: string, ShardIteratorType: ShardIteratorType, StartingSequenceNumber?: string) {
  const at = { StreamName, ShardId: "shardId-000000000000", ShardIteratorType, StartingSequenceNumber };
  return (await kinesis.send(new GetShardIteratorCommand(at))).ShardIterator;
}
const read = (ShardIterator: string | undefined, Limit?: number) =>
  kinesis.send(new GetRecordsCommand({ ShardIterator, Limit }));
const texts = (answer: Awaited<ReturnType<typeof read>>) =>
  answer.Records?.map((record) => Buffer.from(record.Data ?? []).toString());

test("what was acknowledged is there, in order and under its numbers, after SIGKILL and a restart", async () => {
  await createStream("killed");
  const sent: string[] = [];
  const numbers: string[] = [];
  for (let call = 0; call < 20; call += 1) {
    const values = Array.from({ length: 50 }, (_, index) => `${call}:${index}`);
    numbers.push(...(await put("killed", values)));
    sent.push(...values);
  }
  const half = await iterator("killed", "AFTER_SEQUENCE_NUMBER", numbers[499]);
  const inFlight = put("killed", ["unknown"]).catch(() => {});
  engine.process.kill("SIGKILL");
  await engine.exited;
  await inFlight;
  await start();

  const all = await read(await iterator("killed", "TRIM_HORIZON"));
  expect(texts(all)?.slice(0, 1_000)).toEqual(sent);
  expect(all.Records?.slice(0, 1_000).map((record) => record.SequenceNumber)).toEqual(numbers);
  const rest = await read(half);
  expect(texts(rest)?.slice(0, 500)).toEqual(sent.slice(500));
  const [later] = await put("killed", ["later"]);
  expect(BigInt(later ?? 0) > BigInt(numbers.at(-1) ?? 0)).toBe(true);
});

test("one call answers at most 10 MB, and says how far it is behind", async () => {
  await createStream("large");
  for (let call = 0; call < 6; call += 1) await put("large", [Buffer.alloc(1_000_000), Buffer.alloc(1_000_000), "x"]);
  const first = await read(await iterator("large", "TRIM_HORIZON"));
  expect(first.Records?.length).toBeLessThan(18);
  await sleep(5);
  expect(first.MillisBehindLatest).toBeGreaterThan(0);
  const second = await read(first.NextShardIterator);
  expect((first.Records?.length ?? 0) + (second.Records?.length ?? 0)).toBe(18);
  expect(second.MillisBehindLatest).toBe(0);
});

test("an iterator that found nothing meets the next record, whenever it comes", async () => {
  await createStream("empty");
  let next = await iterator("empty", "LATEST");
  for (let round = 0; round < 3; round += 1) {
    const nothing = await read(next);
    expect(nothing.Records).toEqual([]);
    next = nothing.NextShardIterator;
    await sleep(400);
  }
  await put("empty", ["at last"]);
  expect(texts(await read(next))).toEqual(["at last"]);
});

test("the iterator ends with the last record of a shard that was split", async () => {
  await createStream("split");
  await put("split", ["a", "b"]);
  const at = { StreamName: "split", ShardToSplit: "shardId-000000000000", NewStartingHashKey: `${2n ** 127n}` };
  await kinesis.send(new SplitShardCommand(at));
  await expect.poll(async () => (await summary("split"))?.OpenShardCount, { timeout: 60_000 }).toBe(2);
  await put("split", ["c"]);
  const first = await read(await iterator("split", "TRIM_HORIZON"), 1);
  const second = await read(first.NextShardIterator, 1);
  expect([texts(first), texts(second), second.NextShardIterator]).toEqual([["a"], ["b"], undefined]);
});

test("an iterator that nobody made is refused and the engine goes on", async () => {
  await createStream("nonsense");
  for (const bad of ["x", "A".repeat(300), Buffer.alloc(160).toString("base64")])
    await expect(read(bad)).rejects.toThrow(/Invalid ShardIterator/);
  expect((await read(await iterator("nonsense", "TRIM_HORIZON"))).Records).toEqual([]);
});

test("a client that dies in the middle of a request does not end the engine", async () => {
  const socket = connect(engine.ready.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `POST / HTTP/1.1\r\nHost: 127.0.0.1:${engine.ready.port}\r\nContent-Length: 100000\r\n\r\n${"x".repeat(50_000)}`,
  );
  await sleep(100);
  socket.resetAndDestroy();
  await createStream("after-a-reset");
  expect(engine.process.exitCode).toBeNull();
});

test.each([
  [{ origin: "https://evil.example" }, 403],
  [{ host: "evil.example" }, 403],
  [{}, 400],
])("a request with %o is answered with %i", async (headers, status) => {
  const ownHeaders = { "content-type": "application/x-amz-json-1.1", ...headers };
  const sent = request(engine.ready.url, { method: "POST", headers: ownHeaders }).end("{}");
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(status);
});

test("nothing listens beside 127.0.0.1", async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((at) => at && !at.internal && at.family === "IPv4");
  const host = outside?.address ?? "127.0.0.2";
  const socket = connect({ port: engine.ready.port, host, timeout: 2_000 });
  const outcome = await Promise.race([
    once(socket, "connect").then(
      () => "connected",
      () => "refused",
    ),
    once(socket, "timeout").then(() => "refused"),
  ]);
  socket.destroy();
  expect(outcome).toBe("refused");
});

test("a reader that waits is answered at once when a record comes, and when the engine stops", async () => {
  await createStream("waiting");
  const wait = async (ShardIterator: string | undefined) => {
    const command = new GetRecordsCommand({ ShardIterator });
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers[WAIT_HEADER] = "600000";
        return next(args);
      },
      { step: "build" },
    );
    return kinesis.send(command);
  };
  const first = wait(await iterator("waiting", "TRIM_HORIZON"));
  await sleep(200);
  await put("waiting", ["news"]);
  const answer = await first;
  expect(texts(answer)).toEqual(["news"]);

  const last = wait(answer.NextShardIterator);
  await sleep(200);
  await engine.stop();
  expect((await last).Records).toEqual([]);
  expect(await engine.exited).toEqual({ code: 0, signal: null });
  await start();
});
