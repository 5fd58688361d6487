import { setTimeout as sleep } from "node:timers/promises";
import { ExpiredIteratorException, GetRecordsCommand, type KinesisClient } from "@aws-sdk/client-kinesis";
import type { KinesisStreamEvent } from "aws-lambda";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createFunction } from "./function.ts";
import type { FailedInvocation } from "./invocation-record.ts";
import { noting, openTestStream, valuesOf } from "./stream-for-tests.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let streams: Awaited<ReturnType<typeof openTestStream>>;
beforeAll(async () => {
  streams = await openTestStream();
});
afterEach(() => streams.stopMappings());
afterAll(() => streams.close());

/** Waits for what must come, however slow the machine. */
const until = (condition: () => unknown) => expect.poll(condition, { timeout: 60_000, interval: 50 });
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `${from + index}`);
const failing = (bad: string) => (values: string[]) => {
  if (values.includes(bad)) throw new Error(`cannot take ${bad}`);
};
function destination() {
  const failed: FailedInvocation[] = [];
  return { failed, onFailure: async (invocation: FailedInvocation) => void failed.push(invocation) };
}
const idOf = (event: KinesisStreamEvent, index: number) => event.Records[index]?.kinesis.sequenceNumber;

describe("reliability 2.1: retries, age, bisect", () => {
  test("without limits one bad record holds its shard, and nothing behind it is delivered; other shards go on", async () => {
    const stream = await streams.createStream("held", 2);
    await streams.put(stream, ["bad", "behind"], "a");
    await streams.put(stream, ["other"], "b");
    const { handler, seen, deliveries } = noting(failing("bad"));
    const mapping = await streams.map(stream, handler, { batchSize: 1 });
    await until(() => deliveries.filter(({ values }) => values[0] === "bad").length).toBeGreaterThan(4);
    expect(new Set(seen())).toEqual(new Set(["bad", "other"]));
    await mapping.stop();
  });

  test("an error is retried as often as the limit says, then the batch goes to the destination and the shard moves on", async () => {
    const stream = await streams.createStream("exhausted");
    const numbers = await streams.put(stream, ["a", "bad", "c"]);
    const { handler, batches } = noting(failing("bad"));
    const { failed, onFailure } = destination();
    await streams.map(stream, handler, { maximumRetryAttempts: 2, onFailure });
    await until(() => failed.length).toBe(1);
    await streams.put(stream, ["next"]);
    await until(() => batches().length).toBe(4);
    expect(batches()).toEqual([["a", "bad", "c"], ["a", "bad", "c"], ["a", "bad", "c"], ["next"]]);
    expect(failed[0]).toMatchObject({
      condition: "RetryAttemptsExhausted",
      functionError: "Unhandled",
      invocations: 3,
    });
    expect(valuesOf(failed[0]?.event ?? { Records: [] })).toEqual(["a", "bad", "c"]);
    expect(failed[0] && idOf(failed[0].event, 0)).toBe(numbers[0]);
  });

  test("an error is retried until the records are too old, whatever the number of attempts", async () => {
    const stream = await streams.createStream("aged");
    await streams.put(stream, ["bad"]);
    const { handler, batches } = noting(failing("bad"));
    const { failed, onFailure } = destination();
    const clock = { aheadMs: 0 };
    const now = () => Date.now() + clock.aheadMs;
    await streams.map(stream, handler, { maximumRecordAgeSeconds: 3_600, onFailure, now });
    await until(() => batches().length).toBeGreaterThan(3);
    expect(failed).toEqual([]);
    clock.aheadMs = 3_601_000;
    await until(() => failed.length).toBe(1);
    expect(failed[0]).toMatchObject({ condition: "RecordAgeExceeded" });
  });

  test("a throttle before the invocation consumes no retry", async () => {
    const stream = await streams.createStream("throttled");
    const { handler, batches } = noting();
    const gate = Promise.withResolvers<void>();
    const busy = createFunction<KinesisStreamEvent>({
      name: "busy",
      timeoutMs: 60_000,
      concurrencyMax: 1,
      handler: (event) => (event.Records.length === 0 ? gate.promise : handler(event)),
    });
    const occupied = busy.invoke({ Records: [] });
    await streams.put(stream, ["waits"]);
    const { failed, onFailure } = destination();
    const { log } = await streams.map(stream, handler, { function: busy, maximumRetryAttempts: 0, onFailure });
    await until(() => log.filter((line) => line.ending === "throttled").length).toBeGreaterThan(3);
    gate.resolve();
    await occupied;
    await until(() => batches()).toEqual([["waits"]]);
    expect(failed).toEqual([]);
  });

  test("a throttle ends when the records are too old", async () => {
    const stream = await streams.createStream("throttled-long");
    const never = createFunction<KinesisStreamEvent>({
      name: "never",
      timeoutMs: 1_000,
      concurrencyMax: 0,
      handler: () => {},
    });
    await streams.put(stream, ["old"]);
    const { failed, onFailure } = destination();
    await streams.map(stream, () => {}, { function: never, maximumRecordAgeSeconds: 1, onFailure });
    await until(() => failed.length).toBe(1);
    expect(failed[0]).toMatchObject({ condition: "RecordAgeExceeded", functionError: undefined, invocations: 0 });
  });

  test("bisect singles out the bad record and consumes no retry", async () => {
    const stream = await streams.createStream("bisected");
    await streams.put(stream, ["0", "1", "2", "bad", "4", "5", "6", "7"]);
    const { handler, deliveries } = noting(failing("bad"));
    const { failed, onFailure } = destination();
    await streams.map(stream, handler, { bisectOnError: true, maximumRetryAttempts: 1, onFailure });
    await until(() => deliveries.at(-1)?.values).toEqual(["4", "5", "6", "7"]);
    expect(failed.map(({ event }) => valuesOf(event))).toEqual([["bad"]]);
    const done = deliveries.filter(({ values }) => !values.includes("bad")).flatMap(({ values }) => values);
    expect(done).toEqual(["0", "1", "2", "4", "5", "6", "7"]);
    expect(deliveries.filter(({ values }) => values.length === 1 && values[0] === "bad").length).toBe(2);
  });

  test("a function that runs out of time has failed, and its late answer is ignored", async () => {
    const stream = await streams.createStream("late");
    await streams.put(stream, ["slow"]);
    let calls = 0;
    const { handler, batches } = noting();
    const slow = async (event: KinesisStreamEvent) => {
      calls += 1;
      if (calls === 1) await sleep(400);
      return handler(event);
    };
    const { log } = await streams.map(stream, slow, { timeoutMs: 100 });
    await until(() => batches().length).toBeGreaterThanOrEqual(2);
    expect(log.some((line) => line.ending === "failed" && `${line.err}`.includes("timed out"))).toBe(true);
  });

  test("a destination that is down holds the shard until it has the records", async () => {
    const stream = await streams.createStream("destination-down");
    await streams.put(stream, ["bad"]);
    const { handler, batches } = noting(failing("bad"));
    const { failed, onFailure } = destination();
    let tries = 0;
    const flaky = async (invocation: FailedInvocation) => {
      tries += 1;
      if (tries < 3) throw new Error("down");
      await onFailure(invocation);
    };
    await streams.map(stream, handler, { maximumRetryAttempts: 0, onFailure: flaky, batchSize: 1 });
    await streams.put(stream, ["next"]);
    await until(() => batches()).toEqual([["bad"], ["next"]]);
    expect(failed.length).toBe(1);
  });

  test("a handler that fails for long is not hammered", async () => {
    const stream = await streams.createStream("patient");
    await streams.put(stream, ["bad"]);
    const { handler, batches } = noting(failing("bad"));
    const mapping = await streams.map(stream, handler, { retryDelayMaxMs: 10_000 });
    await sleep(1_500);
    await mapping.stop();
    // 100, 200, 400, 800 ms less a quarter: a slow machine sees fewer, never more.
    expect(batches().length).toBeLessThanOrEqual(6);
  });
});

describe("reliability 2.1: partial responses", () => {
  test("the lowest reported number is the checkpoint: all from there comes again, also what succeeded behind it", async () => {
    const stream = await streams.createStream("reported");
    await streams.put(stream, numbered(6));
    let calls = 0;
    const { handler, batches } = noting((_, event) => {
      calls += 1;
      const ids = calls === 1 ? [idOf(event, 4), idOf(event, 2)] : [];
      return { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) };
    });
    await streams.map(stream, handler);
    await until(() => batches()).toEqual([numbered(6), ["2", "3", "4", "5"]]);
  });

  test("with bisect a reported number splits there, an error in the rest halves it", async () => {
    const stream = await streams.createStream("split-there");
    await streams.put(stream, numbered(7));
    let calls = 0;
    const { handler, batches } = noting((_, event) => {
      calls += 1;
      if (calls === 1) return { batchItemFailures: [{ itemIdentifier: idOf(event, 3) }] };
      if (calls === 2) throw new Error("not these either");
      return { batchItemFailures: [] };
    });
    await streams.map(stream, handler, { bisectOnError: true, maximumRetryAttempts: 0 });
    await until(() => batches()).toEqual([numbered(7), numbered(4, 3), ["3", "4"], ["5", "6"]]);
  });

  test("a batch whose first record is reported makes no progress and counts a retry", async () => {
    const stream = await streams.createStream("first-reported");
    await streams.put(stream, ["a", "b"]);
    const { handler, batches } = noting((_, event) => ({ batchItemFailures: [{ itemIdentifier: idOf(event, 0) }] }));
    const { failed, onFailure } = destination();
    await streams.map(stream, handler, { bisectOnError: true, maximumRetryAttempts: 2, onFailure });
    await until(() => failed.length).toBe(1);
    expect(batches()).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(failed[0]).toMatchObject({ functionError: undefined, invocations: 3 });
  });

  test.each([
    ["nothing", undefined, 1],
    ["an empty list", { batchItemFailures: [] }, 1],
    ["an empty identifier", { batchItemFailures: [{ itemIdentifier: "" }] }, 2],
    ["an unknown identifier", { batchItemFailures: [{ itemIdentifier: "49600000000000000000000" }] }, 2],
  ])("F16: a first answer of %s makes %o come %i times in all", async (name, answer, times) => {
    const stream = await streams.createStream(`answer-${name.replaceAll(" ", "-")}`);
    await streams.put(stream, ["x"]);
    let calls = 0;
    const { handler, batches } = noting(() => {
      calls += 1;
      return calls === 1 ? answer : { batchItemFailures: [] };
    });
    await streams.map(stream, handler, { batchSize: 1 });
    await streams.put(stream, ["end"]);
    await until(() => batches().at(-1)).toEqual(["end"]);
    expect(batches().filter(([value]) => value === "x").length).toBe(times);
  });

  test("without ReportBatchItemFailures any answer is success", async () => {
    const stream = await streams.createStream("not-reporting");
    await streams.put(stream, ["x"]);
    const { handler, batches } = noting((_, event) => ({ batchItemFailures: [{ itemIdentifier: idOf(event, 0) }] }));
    await streams.map(stream, handler, { batchSize: 1, reportBatchItemFailures: false });
    await streams.put(stream, ["end"]);
    await until(() => batches()).toEqual([["x"], ["end"]]);
  });
});

describe("reliability 2.1: batches and shards", () => {
  test("the event and its context are those of Lambda", async () => {
    const stream = await streams.createStream("shape");
    const before = Date.now();
    const [number] = await streams.put(stream, ["häa"], "the key");
    const seen: { event: KinesisStreamEvent; remaining: number; requestId: string; name: string }[] = [];
    await streams.map(stream, async (event, context) => {
      const remaining = context.getRemainingTimeInMillis();
      seen.push({ event, remaining, requestId: context.awsRequestId, name: context.functionName });
    });
    await until(() => seen.length).toBe(1);
    const { event, remaining, requestId, name } = seen[0] ?? { event: { Records: [] } };
    const arrival = event.Records[0]?.kinesis.approximateArrivalTimestamp ?? 0;
    expect(event).toEqual({
      Records: [
        {
          kinesis: {
            kinesisSchemaVersion: "1.0",
            partitionKey: "the key",
            sequenceNumber: number,
            data: Buffer.from("häa").toString("base64"),
            approximateArrivalTimestamp: arrival,
          },
          eventSource: "aws:kinesis",
          eventVersion: "1.0",
          eventID: `shardId-000000000000:${number}`,
          eventName: "aws:kinesis:record",
          invokeIdentityArn: "arn:aws:iam::000000000000:role/local",
          awsRegion: "us-east-1",
          eventSourceARN: "arn:aws:kinesis:us-east-1:000000000000:stream/shape",
        },
      ],
    });
    expect(number).toHaveLength(56);
    expect(arrival * 1_000).toBeGreaterThanOrEqual(before);
    expect(arrival * 1_000).toBeLessThanOrEqual(Date.now());
    expect([name, requestId?.length]).toEqual(["test", 36]);
    expect(remaining).toBeLessThanOrEqual(10_000);
  });

  test("a batch has at most batchSize records", async () => {
    const stream = await streams.createStream("sized");
    await streams.put(stream, numbered(25));
    const { handler, batches, seen } = noting();
    await streams.map(stream, handler, { batchSize: 10 });
    await until(() => seen()).toEqual(numbered(25));
    expect(batches().map((batch) => batch.length)).toEqual([10, 10, 5]);
  });

  test("a batch has at most 6 MB of payload, base64 included", async () => {
    const stream = await streams.createStream("heavy");
    for (let call = 0; call < 5; call += 1) await streams.put(stream, ["x".repeat(900_000), "y".repeat(900_000)]);
    const sizes: number[] = [];
    let records = 0;
    await streams.map(stream, (event) => {
      sizes.push(JSON.stringify(event).length);
      records += event.Records.length;
    });
    await until(() => records).toBe(10);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6 * 1_024 * 1_024);
    expect(sizes.length).toBe(2);
  });

  test("a window gathers what comes in its time", async () => {
    const stream = await streams.createStream("window");
    const { handler, batches } = noting();
    await streams.map(stream, handler, { windowMs: 3_000 });
    await streams.put(stream, ["reading"]);
    await until(() => batches()).toEqual([["reading"]]);
    await streams.put(stream, ["a"]);
    await sleep(300);
    await streams.put(stream, ["b"]);
    await until(() => batches()).toEqual([["reading"], ["a", "b"]]);
  });

  test("a window that brought much gathers longer, one that brought little does not", async () => {
    const stream = await streams.createStream("busy-window");
    const { handler, batches } = noting();
    await streams.map(stream, handler, { windowMs: 200, busyWindowMs: 4_000 });
    await streams.put(stream, ["a"]);
    await until(() => batches()).toEqual([["a"]]);
    const much = "x".repeat(20_000);
    await streams.put(stream, [much]);
    await sleep(600);
    await streams.put(stream, ["b"]);
    await until(() => batches()).toEqual([["a"], [much, "b"]]);
  });

  test("a full batch does not wait for the end of its window", async () => {
    const stream = await streams.createStream("full-window");
    const { handler, batches } = noting();
    await streams.map(stream, handler, { windowMs: 300_000, batchSize: 2 });
    await streams.put(stream, ["a"]);
    await streams.put(stream, ["b", "c"]);
    await until(() => batches()).toEqual([["a", "b"]]);
  });

  test("one batch of a shard at a time and in order, while shards run beside each other", async () => {
    const stream = await streams.createStream("serial", 2);
    await streams.put(
      stream,
      numbered(40).map((value) => `a${value}`),
      "a",
    );
    await streams.put(
      stream,
      numbered(40).map((value) => `b${value}`),
      "b",
    );
    const running = new Map<string, number>();
    let [most, mostOfOneShard] = [0, 0];
    const both = Promise.withResolvers<void>();
    const { handler, deliveries } = noting();
    await streams.map(
      stream,
      async (event) => {
        await handler(event);
        const shard = event.Records[0]?.eventID.split(":")[0] ?? "";
        running.set(shard, (running.get(shard) ?? 0) + 1);
        mostOfOneShard = Math.max(mostOfOneShard, running.get(shard) ?? 0);
        most = Math.max(
          most,
          [...running.values()].reduce((sum, count) => sum + count, 0),
        );
        if (most === 2) both.resolve();
        await both.promise;
        running.set(shard, (running.get(shard) ?? 0) - 1);
      },
      { batchSize: 10 },
    );
    await until(() => deliveries.flatMap(({ values }) => values).length).toBe(80);
    expect([most, mostOfOneShard]).toEqual([2, 1]);
    for (const letter of ["a", "b"]) {
      const own = deliveries.flatMap(({ values }) => values).filter((value) => value.startsWith(letter));
      expect(own).toEqual(numbered(40).map((value) => `${letter}${value}`));
    }
  });

  test("the next batch is read while the handler works, and not more than that", async () => {
    const stream = await streams.createStream("ahead");
    const gate = Promise.withResolvers<void>();
    const mapping = await streams.map(stream, () => gate.promise, { batchSize: 5 });
    for (let call = 0; call < 6; call += 1) {
      await streams.put(stream, numbered(5));
      await until(() => mapping.lag().get("shardId-000000000000")?.records).toBe(Math.min(10, (call + 1) * 5));
    }
    expect(mapping.lag().get("shardId-000000000000")?.millisBehindLatest).toBeGreaterThan(0);
    gate.resolve();
    await until(() => mapping.lag().get("shardId-000000000000")).toEqual({ records: 0, millisBehindLatest: 0 });
  });

  test("a new record does not wait for the next poll of an idle shard", async () => {
    const stream = await streams.createStream("idle");
    const { handler, seen } = noting();
    const mapping = await streams.map(stream, handler, { pollMs: 120_000 });
    await until(() => mapping.lag().size).toBe(1);
    await sleep(1_500);
    await streams.put(stream, ["at once"]);
    await until(() => seen()).toEqual(["at once"]);
  });

  test("two mappings of one stream each see every record", async () => {
    const stream = await streams.createStream("shared");
    await streams.put(stream, numbered(10));
    const [one, other] = [noting(), noting()];
    await streams.map(stream, one.handler);
    const { openCheckpoints } = await import("./checkpoints.ts");
    await streams.map(stream, other.handler, { checkpoints: await openCheckpoints(`${streams.dataDir}/other.json`) });
    await until(() => [one.seen(), other.seen()]).toEqual([numbered(10), numbered(10)]);
  });

  test("LATEST begins with what comes after the start, and still does after a restart", async () => {
    const stream = await streams.createStream("latest");
    await streams.put(stream, ["before"]);
    const { handler, seen } = noting();
    const first = await streams.map(stream, handler, { startingPosition: "LATEST" });
    await until(() => first.lag().size).toBe(1);
    await first.stop();
    await streams.put(stream, ["while away"]);
    await streams.map(stream, handler, { startingPosition: "LATEST" });
    await until(() => seen()).toEqual(["while away"]);
  });

  test("an expired iterator is made anew where reading stopped", async () => {
    const stream = await streams.createStream("expired");
    const expire = { next: false };
    const faulty = Object.assign(Object.create(streams.kinesis) as KinesisClient, {
      send: (command: Parameters<KinesisClient["send"]>[0], options: object) => {
        if (expire.next && command instanceof GetRecordsCommand) {
          expire.next = false;
          return Promise.reject(new ExpiredIteratorException({ message: "expired", $metadata: {} }));
        }
        return streams.kinesis.send(command as GetRecordsCommand, options);
      },
    });
    await streams.put(stream, numbered(5));
    const { handler, seen } = noting();
    const { log } = await streams.map(stream, handler, { kinesis: faulty });
    await until(() => seen()).toEqual(numbered(5));
    expire.next = true;
    await until(() => expire.next).toBe(false);
    await streams.put(stream, ["5"]);
    await until(() => seen()).toEqual(numbered(6));
    expect(log).toEqual([]);
  });
});
