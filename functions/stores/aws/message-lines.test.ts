import type { SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";
import { log } from "../../kit/log.ts";
import { aLetter } from "../../testing/dead-letters.ts";
import type { LargeObjects } from "./large-objects.ts";
import { createReadEntries, createSendEntries } from "./message-lines.ts";
import { createReadLetters, createRejectEvents } from "./reject-events.ts";
import { createReadRetries, createSendRetries, createSpill } from "./retry-queue.ts";

log.level = "silent";
const KB = 1_024;
const MESSAGE_LIMIT = 256 * KB;
/** What SQS takes in a message. reliability.md 2.3. */
const ALLOWED = /^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]*$/u;

/** A queue and a bucket in memory; `answer` may throw for the call of this number, counted from 1. */
function aQueue(answer: (call: number) => void = () => {}, storage: () => void = () => {}) {
  const bodies: string[] = [];
  const objects = new Map<string, string>();
  let calls = 0;
  const send = async (command: unknown) => {
    answer(++calls);
    bodies.push((command as { input: { MessageBody: string } }).input.MessageBody);
    return {};
  };
  const large: LargeObjects = {
    put: async (key, text) => {
      storage();
      objects.set(key, text);
    },
    get: async (key) => objects.get(key) ?? Promise.reject(new Error(`no object ${key}`)),
  };
  const sqs = { send } as unknown as Pick<SQSClient, "send">;
  const entries = createSendEntries({ sqs, queueUrl: "http://queue", large }, { budgetMs: 60_000 });
  const read = createReadEntries(large);
  return { bodies, objects, reject: createRejectEvents(entries), entries, read, readLetters: createReadLetters(read) };
}
const letters = (count: number, payload = "{}") =>
  Array.from({ length: count }, (_, index) => aLetter({ id: `letter-${index}`, payload }));
const failing = (error: object) => () => {
  throw Object.assign(new Error("failed"), error);
};

describe("dead letters", () => {
  test("go many a message, each once, in their order", async () => {
    const { bodies, reject, readLetters } = aQueue();
    await reject(letters(500));
    expect(bodies.map((body) => body.split("\n").length)).toEqual([200, 200, 100]);
    expect((await Promise.all(bodies.map(readLetters))).flat()).toEqual(letters(500));
  });

  test("are none: nothing is sent", async () => {
    const { bodies, reject } = aQueue();
    await reject([]);
    expect(bodies).toEqual([]);
  });

  test.each([10, 100, 200, 240, 250, 1_400])("of %i KB come back whole, and no message is too large", async (kb) => {
    const { bodies, reject, readLetters } = aQueue();
    const sent = [...letters(2), ...letters(3, "é".repeat((kb * KB) / 2)), ...letters(2)];
    await reject(sent);
    for (const body of bodies) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MESSAGE_LIMIT);
    const read = (await Promise.all(bodies.map(readLetters))).flat();
    expect(read.map(({ payload }) => payload).sort()).toEqual(sent.map(({ payload }) => payload).sort());
  });

  test("with characters that a queue refuses come back as they were", async () => {
    const { bodies, reject, readLetters } = aQueue();
    const odd = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).join("");
    const sent = [
      aLetter({ message: `${odd}\u2028\ufffe\uffff\ud800 🎉 \udc00`, payload: "\u0000\ufffe\n\u001b[31m" }),
    ];
    await reject(sent);
    expect(bodies[0]).toMatch(ALLOWED);
    expect(await readLetters(bodies[0] ?? "")).toEqual(sent);
  });

  test("that are too large lie under their workspace, their day and their id", async () => {
    const { objects, reject } = aQueue();
    const large = { payload: "x".repeat(300 * KB), rejectedAt: Date.UTC(2026, 0, 2) };
    await reject([aLetter({ ...large, id: "a", workspaceId: "w" }), aLetter({ ...large, id: "b", workspaceId: "" })]);
    expect([...objects.keys()]).toEqual(["dead-letters/w/2026-01-02/a", "dead-letters/unknown/2026-01-02/b"]);
  });

  test.each<[string, object]>([
    ["declined", { $fault: "client", $metadata: { httpStatusCode: 400 } }],
    ["not answered for", { code: "ECONNRESET" }],
  ])("of which one message was %s are a fault, so that nothing is committed", async (_, error) => {
    const { reject } = aQueue((call) => (call === 2 ? failing(error)() : undefined));
    await expect(reject(letters(12, "x".repeat(100 * KB)))).rejects.toThrow("2 of 12 dead letters were not taken");
  });

  test("whose large text cannot be stored are a fault, and the others are sent all the same", async () => {
    const { bodies, reject, readLetters } = aQueue(() => {}, failing({}));
    await expect(reject([...letters(2), ...letters(1, "x".repeat(300 * KB))])).rejects.toThrow("1 of 3");
    expect(await readLetters(bodies[0] ?? "")).toEqual(letters(2));
  });

  test.each(["", "{", "null", "{}", '{"id":"a"}', '{"large_object":"gone"}'])(
    "that are %j cannot be read",
    async (body) => {
      await expect(aQueue().readLetters(body)).rejects.toThrow();
    },
  );
});

describe("the retry queue", () => {
  const put = (byte: number, bytes: number) => ({ partitionKey: `w:${byte}`, record: Buffer.alloc(bytes, byte) });

  test.each([1, 100, 150_000, 180_000, 1_048_576])("carries frames of %i bytes, and back", async (bytes) => {
    const { bodies, objects, entries, read } = aQueue();
    const puts = [{ ...put(0, bytes), explicitHashKey: "5" }, put(255, bytes)];
    expect(await createSpill(entries)(puts)).toEqual(["stored", "stored"]);
    const back = (await Promise.all(bodies.map(createReadRetries(read)))).flat();
    expect(back).toEqual(puts.map((one) => ({ kind: "frame", ...one })));
    expect(objects.size).toBe(bytes > 179_900 ? 2 : 0);
  });

  test.each<[string, object, string]>([
    ["the service declined it", { $fault: "client", $metadata: { httpStatusCode: 400 } }, "refused"],
    ["no connection was made", { code: "ECONNREFUSED" }, "refused"],
    ["its answer was lost", { code: "ECONNRESET" }, "unknown"],
    ["the service failed", { $fault: "server", $metadata: { httpStatusCode: 500 } }, "unknown"],
    ["the budget ended", { name: "AbortError" }, "unknown"],
  ])("tells each frame's own outcome: %s", async (_, error, outcome) => {
    const { entries } = aQueue((call) => (call === 2 ? failing(error)() : undefined));
    const puts = [put(1, 120_000), put(2, 120_000), put(3, 120_000)];
    expect(await createSpill(entries)(puts)).toEqual(["stored", outcome, "stored"]);
  });

  test("a frame whose large text was not stored was not sent: refused", async () => {
    const { entries, bodies } = aQueue(() => {}, failing({ code: "ECONNRESET" }));
    expect(await createSpill(entries)([put(1, 10), put(2, 500_000), put(3, 10)])).toEqual([
      "stored",
      "refused",
      "stored",
    ]);
    expect(bodies).toHaveLength(1);
  });

  test("carries events, large ones too, and back", async () => {
    const { bodies, entries, read } = aQueue();
    const event = (payload: string) => ({
      kind: "event" as const,
      workspaceId: "00000000-0000-4000-8000-000000000001",
      sourceId: "s",
      payload,
      messageId: "m",
      receivedAt: 1,
      attempt: 2,
      letterId: "l",
      replayId: "r",
    });
    const events = [event("{}"), event('{"a":"\ufffe"}'), event("x".repeat(500_000))];
    expect(await createSendRetries(entries)(events)).toEqual(["stored", "stored", "stored"]);
    expect((await Promise.all(bodies.map(createReadRetries(read)))).flat()).toEqual(events);
  });
});
