import { describe, expect, test, vi } from "vitest";
import type { DeadLetter } from "../event/dead-letter.ts";
import { log } from "../kit/log.ts";
import { aCheckedEvent, aFrame, aRecord, seqOf } from "../testing/builders.ts";
import { aTable } from "../testing/fakes.ts";
import { createDeliver, type DeliverPorts } from "./deliver.ts";
import { OutOfTime } from "./out-of-time.ts";
import { createStoreOnce, type Range } from "./store-once.ts";

log.level = "silent";
vi.setConfig({ testTimeout: 120_000 });

const WITH_TIME = { getRemainingTimeInMillis: () => 60_000 };

/** The consumer over a table in memory; `steps` is what it did, in order. */
function aConsumer(ports: Partial<DeliverPorts> = {}) {
  const table = aTable();
  const letters: DeadLetter[] = [];
  const ranges: Range[] = [];
  const steps: string[] = [];
  const storeOnce = createStoreOnce(table.ports);
  const deliver = createDeliver({
    reject: async (rejected) => {
      steps.push("reject");
      letters.push(...rejected);
    },
    storeOnce: async (range, pieces, endsAtMs) => {
      steps.push("store");
      ranges.push(range);
      await storeOnce(range, pieces, endsAtMs);
    },
    ...ports,
  });
  return { deliver, table, letters, ranges, steps, ids: () => table.rows.map(({ messageId }) => messageId) };
}
const record = (index: number, ...ids: string[]) =>
  aRecord(aFrame(ids.map((messageId) => aCheckedEvent({ messageId }))), index);
/** A frame of ours with one bit turned: it says how many events it holds, and they cannot be read. */
function corrupt(index: number) {
  const data = aFrame([aCheckedEvent()]);
  data.writeUInt8((data.at(-1) ?? 0) ^ 1, data.length - 1);
  return aRecord(data, index);
}
/** A record of so many events that no other fits its insert: each makes a chunk of its own. */
const full = aFrame(new Array(26_000).fill(aCheckedEvent()));
const large = (index: number) => aRecord(full, index);

describe("the consumer", () => {
  test("stores what a batch holds and reports no failure, as a list", async () => {
    const { deliver, ids, ranges } = aConsumer();
    expect(await deliver({ Records: [record(1, "a", "b"), record(2, "c")] }, WITH_TIME)).toEqual({
      batchItemFailures: [],
    });
    expect(ids()).toEqual(["a", "b", "c"]);
    expect(ranges).toEqual([{ stream: "events", shard: "shardId-000000000000", from: seqOf(1), to: seqOf(2) }]);
  });

  test("F16 answers with a list also when there is nothing to do", async () => {
    expect(await aConsumer().deliver({ Records: [] }, WITH_TIME)).toEqual({ batchItemFailures: [] });
  });

  test("a bad record does not hold the shard: it is a dead letter before the rest is stored", async () => {
    const { deliver, ids, letters, steps } = aConsumer();
    expect(await deliver({ Records: [record(1, "a"), corrupt(2), record(3, "b")] }, WITH_TIME)).toEqual({
      batchItemFailures: [],
    });
    expect(ids()).toEqual(["a", "b"]);
    expect(steps).toEqual(["reject", "store"]);
    const arrivedAt = Date.UTC(2026, 10, 21, 12);
    expect(letters).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/),
        workspaceId: "",
        sourceId: "",
        messageId: "",
        type: "",
        event: "",
        stage: "decode",
        code: "corrupt_frame",
        field: "",
        message: expect.any(String),
        payloadKind: "record",
        payload: corrupt(2).kinesis.data,
        attempt: 1,
        trace: `shardId-000000000000:${seqOf(2)}`,
        replayId: "",
        receivedAt: arrivedAt,
        rejectedAt: arrivedAt,
      },
    ]);
  });

  test("nothing is committed when the dead letters are not safe", async () => {
    const { deliver, ids } = aConsumer({ reject: () => Promise.reject(new Error("queue away")) });
    const answer = await deliver({ Records: [record(1, "a"), corrupt(2)] }, WITH_TIME);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: seqOf(1) }] });
    expect(ids()).toEqual([]);
  });

  test("a batch of nothing but bad records commits", async () => {
    const { deliver, letters } = aConsumer();
    expect(await deliver({ Records: [corrupt(1), corrupt(2)] }, WITH_TIME)).toEqual({ batchItemFailures: [] });
    expect(letters.map(({ trace }) => trace.split(":")[1])).toEqual([seqOf(1), seqOf(2)]);
  });

  test("a repeated batch makes the very same dead letters, and another record another one", async () => {
    const { deliver, letters } = aConsumer();
    await deliver({ Records: [corrupt(1)] }, WITH_TIME);
    await deliver({ Records: [corrupt(1), corrupt(2)] }, WITH_TIME);
    expect(letters[1]).toEqual(letters[0]);
    expect(letters[2]?.id).not.toBe(letters[0]?.id);
  });

  test.each([0, 1, 2])(
    "a fault at chunk %i of three reports that chunk's first record: what lies before is stored, nothing behind it",
    async (bad) => {
      const stored: string[] = [];
      const { deliver } = aConsumer({
        storeOnce: async ({ from }) => {
          if (from === seqOf(bad)) throw new Error("the warehouse is away");
          stored.push(from);
        },
      });
      const answer = await deliver({ Records: [large(0), large(1), large(2)] }, WITH_TIME);
      expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: seqOf(bad) }] });
      expect(stored).toEqual(Array.from({ length: bad }, (_, index) => seqOf(index)));
    },
  );

  test("F17 no time for the first chunk is thrown, so that Lambda halves the batch; for a later one, or one record, it is reported", async () => {
    const { deliver } = aConsumer({
      storeOnce: async ({ from }) => {
        if (from === seqOf(1)) throw new OutOfTime();
      },
    });
    await expect(deliver({ Records: [large(1), large(2)] }, WITH_TIME)).rejects.toThrow("time is over");
    await expect(deliver({ Records: [record(1, "a"), record(2, "b")] }, WITH_TIME)).rejects.toThrow("time is over");
    const reported = { batchItemFailures: [{ itemIdentifier: seqOf(1) }] };
    expect(await deliver({ Records: [large(0), large(1)] }, WITH_TIME)).toEqual(reported);
    expect(await deliver({ Records: [record(1, "a")] }, WITH_TIME)).toEqual(reported);
  });

  test("chunks are stored one after the other, in the order of the shard", async () => {
    let storing = 0;
    const seen: string[] = [];
    const { deliver } = aConsumer({
      storeOnce: async ({ from }) => {
        expect(++storing).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.push(from);
        storing--;
      },
    });
    await deliver({ Records: [large(0), large(1), large(2)] }, WITH_TIME);
    expect(seen).toEqual([seqOf(0), seqOf(1), seqOf(2)]);
  });

  test("the same batch again, and cut otherwise, stores nothing twice", async () => {
    const { deliver, ids } = aConsumer();
    const Records = [record(1, "a"), record(2, "b"), record(3, "c")];
    await deliver({ Records }, WITH_TIME);
    await deliver({ Records }, WITH_TIME);
    await deliver({ Records: Records.slice(1) }, WITH_TIME);
    await deliver({ Records: Records.slice(0, 2) }, WITH_TIME);
    expect(ids()).toEqual(["a", "b", "c"]);
  });
});
