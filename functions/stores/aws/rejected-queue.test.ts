import type { SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../../deliver/dead-letter.ts";
import { createRejectRecords } from "./rejected-queue.ts";

type Sent = { input: { QueueUrl: string; Entries: { Id: string; MessageBody: string }[] } };
function aQueue(answer: (call: number) => unknown = () => ({})) {
  const calls: Sent["input"]["Entries"][] = [];
  const send = async (command: unknown) => {
    calls.push((command as Sent).input.Entries);
    return answer(calls.length);
  };
  return { calls, reject: createRejectRecords({ send } as unknown as Pick<SQSClient, "send">, "http://queue") };
}
const letter = (seq: number, payload = "AAAA"): DeadLetter => ({
  stage: "decode",
  code: "corrupt_frame",
  message: "cut",
  payload,
  shard: "s",
  seq: String(seq),
  attempt: 1,
  received_at: "2026-11-21T12:00:00.000Z",
});
const letters = (count: number, payload?: string) =>
  Array.from({ length: count }, (_, index) => letter(index, payload));
const KB = 1_024;

describe("dead letters", () => {
  test("go ten a call, each once, whole, under ids that no call repeats", async () => {
    const { calls, reject } = aQueue();
    await reject(letters(25));
    expect(calls.map((entries) => entries.length)).toEqual([10, 10, 5]);
    for (const entries of calls) expect(new Set(entries.map(({ Id }) => Id)).size).toBe(entries.length);
    expect(calls.flat().map(({ MessageBody }) => JSON.parse(MessageBody))).toEqual(letters(25));
  });

  test("are none: nothing is sent", async () => {
    const { calls, reject } = aQueue();
    await reject([]);
    expect(calls).toEqual([]);
  });

  test("that are large are cut and say so, and no call is larger than a queue takes", async () => {
    const { calls, reject } = aQueue();
    await reject([...letters(3, "x".repeat(1_400_000)), ...letters(30, "y".repeat(100 * KB)), ...letters(3)]);
    const sent = calls.flat().map(({ MessageBody }) => JSON.parse(MessageBody));
    expect(sent.map(({ seq }) => seq)).toEqual([...letters(3), ...letters(30), ...letters(3)].map(({ seq }) => seq));
    expect(sent.map(({ cut = false }) => cut)).toEqual([...Array(3).fill(true), ...Array(33).fill(false)]);
    for (const entries of calls)
      expect(entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0)).toBeLessThanOrEqual(
        256 * KB,
      );
  });

  test("of which one was not taken are a fault, so that nothing is committed", async () => {
    const { calls, reject } = aQueue((call) => (call === 2 ? { Failed: [{ Id: "0", Code: "InternalError" }] } : {}));
    await expect(reject(letters(25))).rejects.toThrow("InternalError");
    expect(calls).toHaveLength(2);
  });

  test("that cannot be sent are a fault too", async () => {
    const { reject } = aQueue(() => {
      throw new Error("queue away");
    });
    await expect(reject(letters(1))).rejects.toThrow("queue away");
  });
});
