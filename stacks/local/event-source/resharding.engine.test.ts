import { setTimeout as wait } from "node:timers/promises";
import { DescribeStreamSummaryCommand, MergeShardsCommand, SplitShardCommand } from "@aws-sdk/client-kinesis";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { noting, openTestStream, untilActive } from "./stream-for-tests.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let streams: Awaited<ReturnType<typeof openTestStream>>;
beforeAll(async () => {
  streams = await openTestStream();
});
afterEach(() => streams.stopMappings());
afterAll(() => streams.close());

const HALF = `${2n ** 127n}`;
const until = (condition: () => unknown) => expect.poll(condition, { timeout: 60_000, interval: 50 });
const shardName = (index: number) => `shardId-${`${index}`.padStart(12, "0")}`;

async function reshard(stream: string, command: SplitShardCommand | MergeShardsCommand, open: number): Promise<void> {
  if (command instanceof SplitShardCommand) await streams.kinesis.send(command);
  else await streams.kinesis.send(command);
  const openShards = async () =>
    (await streams.kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream }))).StreamDescriptionSummary;
  await expect.poll(async () => (await openShards())?.OpenShardCount, { timeout: 60_000 }).toBe(open);
  await untilActive(streams.kinesis, stream);
}

test("children of a split and of a merge start when their parents are drained, so a key keeps its order", async () => {
  const stream = await streams.createStream("family");
  let count = 0;
  const putAll = async () => {
    for (const key of ["a", "b", "c", "d"]) {
      await streams.put(
        stream,
        Array.from({ length: 20 }, (_, index) => `${key}${count + index}`),
        key,
      );
    }
    count += 20;
  };
  await putAll();
  await reshard(
    stream,
    new SplitShardCommand({ StreamName: stream, ShardToSplit: shardName(0), NewStartingHashKey: HALF }),
    2,
  );
  await putAll();
  const merge = { StreamName: stream, ShardToMerge: shardName(1), AdjacentShardToMerge: shardName(2) };
  await reshard(stream, new MergeShardsCommand(merge), 1);
  await putAll();

  const { handler, deliveries, seen } = noting();
  const first = await streams.map(stream, handler, { batchSize: 7 });
  await until(() => seen().length).toBe(240);
  const order = deliveries.map(({ shard }) => shard);
  expect(order.lastIndexOf(shardName(0))).toBeLessThan(order.indexOf(shardName(1)));
  expect(order.lastIndexOf(shardName(0))).toBeLessThan(order.indexOf(shardName(2)));
  expect(Math.max(order.lastIndexOf(shardName(1)), order.lastIndexOf(shardName(2)))).toBeLessThan(
    order.indexOf(shardName(3)),
  );
  for (const key of ["a", "b", "c", "d"]) {
    const own = seen().filter((value) => value.startsWith(key));
    expect(own).toEqual(Array.from({ length: 60 }, (_, index) => `${key}${index}`));
  }
  await first.stop();
  await putAll();
  await streams.map(stream, handler, { batchSize: 7 });
  await until(() => seen().length).toBe(320);
});

test("a shard that is split under load hands over to its children while the mapping runs", async () => {
  const stream = await streams.createStream("live");
  const { handler, seen } = noting();
  const mapping = await streams.map(stream, handler);
  await streams.put(stream, ["a0", "b0"]);
  await until(() => seen().length).toBe(2);
  await reshard(
    stream,
    new SplitShardCommand({ StreamName: stream, ShardToSplit: shardName(0), NewStartingHashKey: HALF }),
    2,
  );
  for (const key of ["a", "b", "c", "d", "e"]) await streams.put(stream, [`${key}1`], key);
  await until(() => seen().length).toBe(7);
  expect([...mapping.lag().keys()].sort()).toEqual([shardName(1), shardName(2)]);
});

test("a failing parent holds its children back", async () => {
  const stream = await streams.createStream("stuck");
  await streams.put(stream, ["bad"]);
  await reshard(
    stream,
    new SplitShardCommand({ StreamName: stream, ShardToSplit: shardName(0), NewStartingHashKey: HALF }),
    2,
  );
  for (const key of ["a", "b", "c", "d"]) await streams.put(stream, [key], key);
  let heal = false;
  const { handler, seen, deliveries } = noting(() => {
    if (!heal) throw new Error("not yet");
  });
  await streams.map(stream, handler);
  await until(() => deliveries.length).toBeGreaterThan(4);
  expect(new Set(seen())).toEqual(new Set(["bad"]));
  heal = true;
  await until(() => new Set(seen()).size).toBe(5);
});

test("F26 a stream that is split and merged under load delivers each event of a key once and in its order", async () => {
  const stream = await streams.createStream("busy");
  // Slower than the senders: a parent has a backlog when its children open.
  const { handler, deliveries, seen } = noting(() => wait(30));
  const mapping = await streams.map(stream, handler, { batchSize: 20 });
  const KEYS = ["a", "b", "c", "d", "e", "f"];
  let running = true;
  // Each key's sender waits for its put, as the door does; the keys lie on both sides of the split.
  const senders = KEYS.map(async (key) => {
    let sent = 0;
    for (; running; sent += 5) {
      await streams.put(
        stream,
        Array.from({ length: 5 }, (_, index) => `${key}${sent + index}`),
        key,
      );
      await wait(30);
    }
    return sent;
  });
  await until(() => seen().length).toBeGreaterThan(30);
  await reshard(
    stream,
    new SplitShardCommand({ StreamName: stream, ShardToSplit: shardName(0), NewStartingHashKey: HALF }),
    2,
  );
  await until(() => new Set(deliveries.map(({ shard }) => shard)).size).toBe(3);
  const merge = { StreamName: stream, ShardToMerge: shardName(1), AdjacentShardToMerge: shardName(2) };
  await reshard(stream, new MergeShardsCommand(merge), 1);
  await until(() => new Set(deliveries.map(({ shard }) => shard)).size).toBe(4);
  running = false;
  const counts = await Promise.all(senders);
  await until(() => seen().length).toBe(counts.reduce((sum, count) => sum + count, 0));
  for (const [at, key] of KEYS.entries())
    expect(seen().filter((value) => value.startsWith(key))).toEqual(
      Array.from({ length: counts[at] ?? 0 }, (_, index) => `${key}${index}`),
    );
  await until(() => [...mapping.lag().keys()]).toEqual([shardName(3)]);
});
