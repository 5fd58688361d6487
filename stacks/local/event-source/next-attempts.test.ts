import fc from "fast-check";
import { expect, test } from "vitest";
import type { ShardRecord } from "./kinesis-event.ts";
import { type Attempt, type Ending, nextAttempts } from "./next-attempts.ts";

const record = (index: number): ShardRecord => ({
  sequenceNumber: `${index}`.padStart(56, "4"),
  partitionKey: "k",
  data: new Uint8Array(),
  arrivalMs: index,
});
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => record(from + index));
const attempt = (from: number, to: number, retries = 0, invocations = 0): Attempt => ({
  records: records(from, to),
  retries,
  invocations,
});
const rules = { maximumRetryAttempts: 2, bisectOnError: false };
const bisecting = { ...rules, bisectOnError: true };

test.each<[string, Attempt, Ending, typeof rules, ReturnType<typeof nextAttempts>]>([
  ["success is done", attempt(0, 4), { kind: "succeeded" }, rules, { done: records(0, 4), again: [], discarded: [] }],
  [
    "a throttle changes nothing, not even the count",
    attempt(0, 4, 2, 5),
    { kind: "throttled" },
    rules,
    { done: [], again: [attempt(0, 4, 2, 5)], discarded: [] },
  ],
  [
    "an error consumes a retry",
    attempt(0, 4, 1, 1),
    { kind: "failed" },
    rules,
    { done: [], again: [attempt(0, 4, 2, 2)], discarded: [] },
  ],
  [
    "an error after the last retry gives up",
    attempt(0, 4, 2, 2),
    { kind: "failed" },
    rules,
    { done: [], again: [], discarded: records(0, 4) },
  ],
  [
    "bisect halves, consumes no retry, and keeps the order",
    attempt(0, 5, 2, 2),
    { kind: "failed" },
    bisecting,
    { done: [], again: [attempt(0, 3, 2, 3), attempt(3, 5, 2, 3)], discarded: [] },
  ],
  [
    "a single record cannot be halved and consumes a retry",
    attempt(0, 1, 1, 1),
    { kind: "failed" },
    bisecting,
    { done: [], again: [attempt(0, 1, 2, 2)], discarded: [] },
  ],
  [
    "a reported number is the first retry of what is from there",
    attempt(0, 5, 2, 2),
    { kind: "reported", index: 3 },
    rules,
    { done: records(0, 3), again: [attempt(3, 5, 1, 3)], discarded: [] },
  ],
  [
    "with bisect the split at a reported number consumes no retry",
    attempt(0, 5, 2, 2),
    { kind: "reported", index: 3 },
    bisecting,
    { done: records(0, 3), again: [attempt(3, 5, 0, 3)], discarded: [] },
  ],
  [
    "without any retry allowed, what is from a reported number is given up at once",
    attempt(0, 5),
    { kind: "reported", index: 3 },
    { ...rules, maximumRetryAttempts: 0 },
    { done: records(0, 3), again: [], discarded: records(3, 5) },
  ],
  [
    "the first record reported consumes a retry, bisect or not",
    attempt(0, 5, 1, 1),
    { kind: "reported", index: 0 },
    bisecting,
    { done: [], again: [attempt(0, 5, 2, 2)], discarded: [] },
  ],
])("%s", (_name, before, ending, given, expected) => {
  expect(nextAttempts(before, ending, given)).toEqual(expected);
});

test("no record is lost, doubled or moved, whatever ends how", () => {
  const ending = fc.oneof(
    fc.constantFrom<Ending>({ kind: "succeeded" }, { kind: "failed" }, { kind: "throttled" }),
    fc.nat(30).map((index): Ending => ({ kind: "reported", index })),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.array(ending, { maxLength: 60 }),
      fc.boolean(),
      (count, endings, bisect) => {
        let queue = [attempt(0, count)];
        const out: ShardRecord[] = [];
        for (const each of [...endings, ...Array.from({ length: 200 }, (): Ending => ({ kind: "succeeded" }))]) {
          const [first, ...rest] = queue;
          if (!first) break;
          const fits: Ending = each.kind === "reported" ? { ...each, index: each.index % first.records.length } : each;
          const { done, again, discarded } = nextAttempts(first, fits, {
            maximumRetryAttempts: 3,
            bisectOnError: bisect,
          });
          out.push(...done, ...discarded);
          queue = [...again, ...rest];
        }
        expect(out).toEqual(records(0, count));
      },
    ),
  );
});
