import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteStreamCommand, DescribeStreamSummaryCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoints } from "./checkpoints.ts";
import { noting, openTestStream } from "./stream-for-tests.ts";

let streams: Awaited<ReturnType<typeof openTestStream>>;
beforeAll(async () => {
  streams = await openTestStream();
});
afterAll(() => streams.close());

const until = (condition: () => unknown) => expect.poll(condition, { timeout: 25_000, interval: 10 });
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

test("a process that is killed in the middle of a batch finds that batch again, and none before it", async () => {
  const stream = await streams.createStream("killed-consumer");
  await streams.put(stream, numbered(6));
  const path = join(streams.dataDir, "killed-consumer.json");
  const { handler, seen } = noting();
  const gate = Promise.withResolvers<void>();
  const killed = await streams.map(
    stream,
    async (event) => {
      await handler(event);
      if (seen().length > 3) await gate.promise;
    },
    { batchSize: 3 },
  );
  await until(() => seen().length).toBe(6);
  const left = `${path}.left-behind`;
  await writeFile(left, await readFile(path));
  const next = noting();
  await streams.map(stream, next.handler, { checkpoints: await openCheckpoints(left) });
  await until(() => next.seen()).toEqual(["3", "4", "5"]);
  gate.resolve();
  await killed.stop();
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
