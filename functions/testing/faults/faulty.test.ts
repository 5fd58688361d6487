import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Put } from "../../ingest/publish.ts";
import { aStream } from "../fakes.ts";
import { createChance } from "./chance.ts";
import { FAULTS, type Fault, faulty } from "./faulty.ts";
import { puts } from "./faulty-stores.ts";
import { createSchedule, createScript, createSwitch } from "./schedule.ts";

const put = (key: string): Put => ({ partitionKey: key, record: Buffer.from(`record of ${key}`) });
const keys = ["a", "b", "c", "d", "e", "f"];

/** A stream whose first call meets a fault. */
function meeting(fault: Fault) {
  const stream = aStream();
  const schedule = createScript({ putFrames: [fault] });
  const apply = async (entries: readonly Put[]) => {
    for (const { partitionKey, record } of entries) stream.records.push({ partitionKey, record: Buffer.from(record) });
    return entries.map(() => "stored" as const);
  };
  const port = faulty(apply, puts, schedule.of("putFrames"), createChance(7));
  return { port, schedule, applied: () => stream.records.map(({ partitionKey }) => partitionKey), stream };
}

describe("a call of the stream that meets", () => {
  test("nothing is the port's own", async () => {
    const { port, applied } = meeting("delay");
    await port([put("first")]);
    expect(await port([put("a")])).toEqual(["stored"]);
    expect(applied()).toEqual(["first", "a"]);
  });

  test("fail-before does nothing and says so", async () => {
    const { port, applied } = meeting("fail-before");
    expect(await port([put("a")])).toEqual(["refused"]);
    expect(applied()).toEqual([]);
  });

  test("fail-after-apply does it and does not know", async () => {
    const { port, applied } = meeting("fail-after-apply");
    expect(await port([put("a")])).toEqual(["unknown"]);
    expect(applied()).toEqual(["a"]);
  });

  test("partial does what it says, entry by entry", async () => {
    const { port, applied } = meeting("partial");
    const results = await port(keys.map(put));
    expect(new Set(results)).toEqual(new Set(["stored", "refused"]));
    expect(applied()).toEqual(keys.filter((_, index) => results[index] === "stored"));
  });

  test("hang does not know, and does it after that with the bytes that were sent", async () => {
    const { port, applied, schedule, stream } = meeting("hang");
    const entry = put("a");
    expect(await port([entry])).toEqual(["unknown"]);
    entry.record.fill(0);
    expect(applied()).toEqual([]);
    await schedule.heal();
    expect(applied()).toEqual(["a"]);
    expect(stream.records[0]?.record.toString()).toBe("record of a");
  });

  test("duplicate does it twice", async () => {
    const { port, applied } = meeting("duplicate");
    expect(await port([put("a")])).toEqual(["stored"]);
    expect(applied()).toEqual(["a", "a"]);
  });

  test("reorder does all of it, in another order", async () => {
    const { port, applied } = meeting("reorder");
    expect(await port(keys.map(put))).toEqual(keys.map(() => "stored"));
    expect(applied()).not.toEqual(keys);
    expect(applied().toSorted()).toEqual(keys);
  });

  test("corrupt changes one bit of each record, and leaves the caller's bytes alone", async () => {
    const { port, stream } = meeting("corrupt");
    const entry = put("a");
    await port([entry]);
    expect(entry.record.toString()).toBe("record of a");
    const [record] = stream.records;
    expect(record?.record).toHaveLength(entry.record.length);
    expect(record?.record.equals(entry.record)).toBe(false);
  });

  test("a fault that the port cannot meet is a mistake of the test", async () => {
    const port = faulty(
      async () => 1,
      { refused: () => 0, unknown: () => 0 },
      createScript({ p: ["partial"] }).of("p"),
    );
    await expect(port()).rejects.toThrow("cannot meet partial");
  });
});

describe("a schedule", () => {
  const run = (seed: number) => {
    const schedule = createSchedule(seed, { putFrames: FAULTS, spill: ["delay"] }, 0.5);
    const [putFrames, spill] = [schedule.of("putFrames"), schedule.of("spill")];
    for (let call = 0; call < 100; call++) putFrames();
    for (let call = 0; call < 100; call++) spill();
    return schedule.happened;
  };

  test("is the same for the same seed and another for another, each fault at its call", () => {
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    expect(run(1).length).toBeGreaterThan(60);
    expect(run(1).length).toBeLessThan(140);
    expect(run(1)[0]).toMatch(/^putFrames#\d+ /);
    expect(new Set(run(3).map((fault) => fault.split(" ")[1]))).toEqual(new Set(FAULTS));
  });

  test("of one port does not hang on how often another is called", () => {
    const of = (others: number) => {
      const schedule = createSchedule(5, { putFrames: FAULTS, spill: FAULTS }, 0.5);
      const [putFrames, spill] = [schedule.of("putFrames"), schedule.of("spill")];
      for (let call = 0; call < others; call++) spill();
      return Array.from({ length: 50 }, () => putFrames());
    };
    expect(of(0)).toEqual(of(33));
  });

  test("that is healed has no more faults, and waits for what goes on", async () => {
    const schedule = createSchedule(1, { putFrames: FAULTS }, 1);
    const next = schedule.of("putFrames");
    let done = false;
    next.late(wait(20).then(() => (done = true)));
    expect(next()).toBeDefined();
    await schedule.heal();
    expect([next(), done]).toEqual([undefined, true]);
  });

  test("can be changed for another under a port that is in use", () => {
    const schedule = createSwitch();
    const next = schedule.of("putFrames");
    expect(next()).toBeUndefined();
    schedule.to(createScript({ putFrames: [undefined, "delay"] }));
    expect([next(), next(), next()]).toEqual([undefined, "delay", undefined]);
    expect(schedule.happened).toEqual(["putFrames#2 delay"]);
  });
});
