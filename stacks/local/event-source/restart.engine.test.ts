import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DeleteStreamCommand, DescribeStreamSummaryCommand } from "@aws-sdk/client-kinesis";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { startChild } from "../child.ts";
import type { ConsumerOptions } from "./consumer-for-tests.ts";
import { noting, openTestStream } from "./stream-for-tests.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let streams: Awaited<ReturnType<typeof openTestStream>>;
beforeAll(async () => {
  streams = await openTestStream();
});
afterEach(() => streams.stopMappings());
afterAll(() => streams.close());

const until = (condition: () => unknown) => expect.poll(condition, { timeout: 60_000, interval: 50 });
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `${from + index}`);
const HOUR = 3_600_000;

test("stop waits for the invocation in flight and keeps its outcome; nothing comes twice after a restart", async () => {
  const stream = await streams.createStream("drained");
  await streams.put(stream, numbered(10));
  const { handler, seen } = noting();
  const gate = Promise.withResolvers<void>();
  let finished = false;
  const mapping = await streams.map(
    stream,
    async (event) => {
      await handler(event);
      await gate.promise;
      finished = true;
    },
    { batchSize: 4 },
  );
  await until(() => seen().length).toBe(4);
  const stopped = mapping.stop();
  expect(finished).toBe(false);
  gate.resolve();
  await stopped;
  expect(finished).toBe(true);
  expect(seen()).toEqual(numbered(4));
  await streams.map(stream, handler);
  await until(() => seen()).toEqual(numbered(10));
});

test("stop does not wait for the next attempt at a failing batch, which comes again at the next start", async () => {
  const stream = await streams.createStream("failing-stop");
  await streams.put(stream, ["x"]);
  const { handler, seen } = noting(() => {
    throw new Error("down");
  });
  const mapping = await streams.map(stream, handler, { retryDelayMaxMs: 600_000 });
  await until(() => seen().length).toBeGreaterThan(2);
  await mapping.stop();
  const healed = noting();
  await streams.map(stream, healed.handler);
  await until(() => healed.seen()).toEqual(["x"]);
});

test("a consumer that is killed again and again misses nothing, and repeats no more than the batch it was in", {
  timeout: 120_000,
}, async () => {
  const stream = await streams.createStream("killed-consumer");
  const sent = numbered(4_000);
  await streams.put(stream, sent);
  const delivered = join(streams.dataDir, "delivered.txt");
  await writeFile(delivered, "");
  const lines = async () => (await readFile(delivered, "utf8")).split("\n").filter((line) => line !== "");
  const options: ConsumerOptions = { url: streams.url, stream, checkpoints: `${delivered}.json`, delivered };
  const consumer = fileURLToPath(new URL("consumer-for-tests.ts", import.meta.url));
  for (let kill = 0; kill < 3; kill += 1) {
    const before = (await lines()).length;
    const child = await startChild(consumer, options);
    await until(async () => (await lines()).length).toBeGreaterThan(before + 100);
    child.process.kill("SIGKILL");
    await child.exited;
  }
  const last = await startChild(consumer, options);
  await until(async () => (await lines()).at(-1)).toBe(sent.at(-1));
  await last.stop();

  const got = (await lines()).map(Number);
  const steps = got.slice(1).map((value, index) => value - (got[index] ?? 0));
  expect(steps.filter((step) => step > 1)).toEqual([]);
  expect(steps.filter((step) => step < 1).length).toBeLessThanOrEqual(3);
  expect(Math.min(...steps)).toBeGreaterThan(-7);
  expect(new Set(got).size).toBe(sent.length);
});

test("SIGKILL of the stream engine in the middle of the flow loses nothing and keeps the order", async () => {
  const stream = await streams.createStream("engine-killed");
  const { handler, seen } = noting();
  const mapping = await streams.map(stream, handler, { batchSize: 20 });
  const acknowledged: string[] = [];
  let next = 0;
  for (let round = 0; round < 3; round += 1) {
    for (let call = 0; call < 10; call += 1) {
      const values = numbered(25, next);
      next += 25;
      await streams.put(stream, values);
      acknowledged.push(...values);
    }
    await streams.kill();
    await sleep(200);
    await streams.restart();
  }
  await until(() => seen().length).toBe(acknowledged.length);
  expect(seen()).toEqual(acknowledged);
  expect(mapping.log.map((line) => line.message)).toContain("the stream can be read again");
});

test("a mapping that starts before its engine and its stream waits for both", async () => {
  await streams.kill();
  const { handler, seen } = noting();
  const mapping = await streams.map("not-yet", handler);
  await until(() => mapping.log.length).toBeGreaterThan(0);
  await streams.restart();
  await streams.createStream("not-yet");
  await streams.put("not-yet", ["x"]);
  await until(() => seen()).toEqual(["x"]);
});

test("F19: a checkpoint older than the retention is said aloud with the time that is lost, and reading goes on", async () => {
  const stream = await streams.createStream("retention");
  await streams.put(stream, ["seen"]);
  const before = noting();
  const first = await streams.map(stream, before.handler);
  await until(() => before.seen()).toEqual(["seen"]);
  await first.stop();

  const path = join(streams.dataDir, "retention.json");
  const file = JSON.parse(await readFile(path, "utf8")) as { shards: Record<string, { asOfMs: number }> };
  for (const position of Object.values(file.shards)) position.asOfMs -= 30 * HOUR;
  await writeFile(path, JSON.stringify(file));
  await streams.put(stream, ["later"]);
  const { handler, seen } = noting();
  const { log } = await streams.map(stream, handler);
  await until(() => seen()).toContain("later");
  const [loud] = log.filter((line) => line.level === "error");
  expect(loud?.message).toMatch(/may have expired unread/);
  expect(loud?.lost_ms).toBeGreaterThan(5.9 * HOUR);
  expect(loud?.lost_ms).toBeLessThan(6.1 * HOUR);
});

test("a quiet stream that was read to its end is no loss, however old its last record", async () => {
  const stream = await streams.createStream("quiet");
  await streams.put(stream, ["old"]);
  const clock = { nowMs: Date.now() };
  const { handler, seen } = noting();
  const first = await streams.map(stream, handler, { now: () => clock.nowMs });
  await until(() => seen()).toEqual(["old"]);
  clock.nowMs += 23 * HOUR;
  const path = join(streams.dataDir, "quiet.json");
  await until(async () => (await readFile(path, "utf8")).includes(`"asOfMs":${clock.nowMs}`)).toBe(true);
  await first.stop();
  clock.nowMs += 23 * HOUR;
  const again = await streams.map(stream, handler, { now: () => clock.nowMs });
  await until(() => again.lag().size).toBe(1);
  expect(again.log).toEqual([]);
});

test("the checkpoints of a stream that was made anew are set aside, aloud", async () => {
  const stream = await streams.createStream("anew");
  await streams.put(stream, ["first life"]);
  const { handler, seen } = noting();
  const first = await streams.map(stream, handler);
  await until(() => seen()).toEqual(["first life"]);
  await first.stop();
  await streams.kinesis.send(new DeleteStreamCommand({ StreamName: stream }));
  const isThere = () =>
    streams.kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream })).then(
      () => true,
      () => false,
    );
  await until(isThere).toBe(false);
  await sleep(1_100); // a stream's creation time has whole seconds
  await streams.createStream(stream);
  await streams.put(stream, ["second life"]);
  const { log } = await streams.map(stream, handler);
  await until(() => seen()).toEqual(["first life", "second life"]);
  expect(log.map((line) => line.message)).toContain("the stream was made anew, its old checkpoints are set aside");
});
