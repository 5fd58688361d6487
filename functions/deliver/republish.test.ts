import { expect, test } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import type { Retry } from "../event/retry.ts";
import type { Put, PutResult } from "../ingest/publish.ts";
import { log } from "../kit/log.ts";
import { aCheckedEvent, aFrame, WORKSPACE } from "../testing/builders.ts";
import { anSqsEvent } from "../testing/sqs-event.ts";
import { createRepublish, type RepublishPorts } from "./republish.ts";

log.level = "silent";
const WITH_TIME = { getRemainingTimeInMillis: () => 30_000 };

const aRecord = (id: string, bytes = 0) =>
  aFrame([aCheckedEvent({ messageId: id, properties: { x: "y".repeat(bytes) } })]);
const frame = (partitionKey: string, id: string): Retry => ({ kind: "frame", partitionKey, record: aRecord(id) });
const event = (messageId: string): Retry => ({
  kind: "event",
  workspaceId: WORKSPACE,
  sourceId: "s",
  payload: "{}",
  messageId,
  receivedAt: 1,
  attempt: 2,
  letterId: "l",
  replayId: "r",
});

/** Each message is the list of its retries; `script` says what becomes of the puts of one call, by their place. */
function aRepublisher(
  messages: (Retry[] | "unreadable")[],
  ports: Partial<RepublishPorts> = {},
  script: PutResult[][] = [],
) {
  const calls: (readonly Put[])[] = [];
  const replayed: string[] = [];
  const waits: number[] = [];
  const handler = createRepublish({
    readRetries: async (body) => {
      const retries = messages[Number(body)];
      return retries === undefined || retries === "unreadable" ? Promise.reject(new Error("not ours")) : retries;
    },
    putFrames: async (puts) => {
      calls.push(puts);
      return puts.map((_, index) => script[calls.length - 1]?.[index] ?? "stored");
    },
    replay: async ({ messageId }) => void replayed.push(messageId),
    wait: async (ms) => void waits.push(ms),
    ...ports,
  });
  const run = async (context = WITH_TIME) => {
    const { batchItemFailures } = await handler(anSqsEvent(...messages.map((_, index) => `${index}`)), context);
    return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  };
  return { run, calls, replayed, waits };
}
const keysOf = (calls: (readonly Put[])[]) => calls.map((puts) => puts.map(({ partitionKey }) => partitionKey));

test("frames go back as they were, to where they were going, and suspect", async () => {
  const given: Retry = { kind: "frame", partitionKey: "w:1", explicitHashKey: "7", record: aRecord("a") };
  const { run, calls } = aRepublisher([[given, frame("w:2", "b")]]);
  expect(await run()).toEqual([]);
  expect(keysOf(calls)).toEqual([["w:1", "w:2"]]);
  expect(calls[0]?.[0]).toMatchObject({ explicitHashKey: "7" });
  expect(calls[0]?.[1]).not.toHaveProperty("explicitHashKey");
  for (const { record } of calls.flat()) expect([...decodeFrame(record).suspects]).toEqual([1]);
});

test("two frames of one partition key never share a call, and keep their order", async () => {
  const { run, calls } = aRepublisher([[frame("k", "a"), frame("k", "b"), frame("l", "c")], [frame("k", "d")]]);
  expect(await run()).toEqual([]);
  expect(keysOf(calls)).toEqual([["k", "l"], ["k"], ["k"]]);
});

test("no call has more records or bytes than the stream takes", async () => {
  const record = Buffer.alloc(1_000_000, aRecord("a"));
  const frames = Array.from({ length: 9 }, (_, at): Retry => ({ kind: "frame", partitionKey: `k${at}`, record }));
  const small = Array.from({ length: 600 }, (_, at) => frame(`s${at}`, "a"));
  const { run, calls } = aRepublisher([frames, small]);
  await run();
  for (const puts of calls) {
    expect(puts.length).toBeLessThanOrEqual(500);
    expect(puts.reduce((sum, put) => sum + put.record.length, 0)).toBeLessThanOrEqual(5 * 1_024 * 1_024);
  }
  expect(calls.flat()).toHaveLength(609);
});

test.each<PutResult>(["refused", "unknown"])("a frame that was %s is put again, the others are not", async (result) => {
  const { run, calls, waits } = aRepublisher([[frame("k", "a"), frame("l", "b")]], {}, [[result], [result]]);
  expect(await run()).toEqual([]);
  expect(keysOf(calls)).toEqual([["k", "l"], ["k"], ["k"]]);
  expect(waits).toHaveLength(2);
});

test("a stream that takes nothing gives the messages back when the time is up, and only theirs", async () => {
  let left = 10_000;
  const putFrames = async (puts: readonly Put[]) =>
    puts.map(({ partitionKey }): PutResult => (partitionKey === "k" ? "refused" : "stored"));
  const { run } = aRepublisher([[frame("k", "a")], [frame("l", "b")], [event("m")]], {
    putFrames,
    wait: async (ms) => {
      left -= ms;
    },
  });
  expect(await run({ getRemainingTimeInMillis: () => left })).toEqual(["q0"]);
});

test("an event that must be tried again returns with its message, and holds up no other", async () => {
  const replayed: string[] = [];
  const replay: RepublishPorts["replay"] = async ({ messageId }) => {
    if (messageId === "bad") throw new Error("away");
    replayed.push(messageId);
  };
  const { run } = aRepublisher(
    [
      [event("a"), event("bad"), event("b")],
      [event("c"), frame("k", "x")],
    ],
    { replay },
  );
  expect(await run()).toEqual(["q0"]);
  expect(replayed.sort()).toEqual(["a", "b", "c"]);
});

test("an event is tried again behind the others, some times, before its message returns", async () => {
  const tried: string[] = [];
  const failures: Record<string, number> = { shaky: 3, bad: 4 };
  const replay: RepublishPorts["replay"] = async ({ messageId }) => {
    tried.push(messageId);
    if (tried.filter((id) => id === messageId).length <= (failures[messageId] ?? 0)) throw new Error("away");
  };
  const { run, waits } = aRepublisher([[event("shaky"), event("a")], [event("bad")]], { replay });
  expect(await run()).toEqual(["q1"]);
  expect(tried.slice(0, 3).toSorted()).toEqual(["a", "bad", "shaky"]);
  expect(tried.slice(3).toSorted()).toEqual(["bad", "bad", "bad", "shaky", "shaky", "shaky"]);
  expect(waits).toHaveLength(3);
});

test("events that the time does not suffice for return", async () => {
  const { run, replayed } = aRepublisher([[event("a")], [event("b")]]);
  expect(await run({ getRemainingTimeInMillis: () => 100 })).toEqual(["q0", "q1"]);
  expect(replayed).toEqual([]);
});

test("a message that cannot be read returns alone", async () => {
  const { run, replayed, calls } = aRepublisher(["unreadable", [event("a")], [frame("k", "b")]]);
  expect(await run()).toEqual(["q0"]);
  expect([replayed, calls.length]).toEqual([["a"], 1]);
});

test("many events are replayed, each once", async () => {
  const ids = Array.from({ length: 500 }, (_, index) => `e${index}`);
  const { run, replayed } = aRepublisher([ids.map(event)]);
  expect(await run()).toEqual([]);
  expect(replayed.sort()).toEqual(ids.sort());
});
