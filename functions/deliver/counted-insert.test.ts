import { expect, test } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import { metrics } from "../kit/metrics.ts";
import { aCheckedEvent, aFrame, seqOf } from "../testing/builders.ts";
import { aTable, type InsertFault } from "../testing/fakes.ts";
import { countedInsert } from "./counted-insert.ts";
import { createStoreOnce } from "./store-once.ts";

const NAMES = ["events_stored", "inserts_refused", "inserts_unknown", "tokens_again", "events_there"] as const;
const figures = async () => {
  const all = await metrics.json();
  return NAMES.map(
    (name) => all.find((metric) => metric.name === `millrace_writer_${name}_total`)?.values[0]?.value ?? 0,
  );
};
/** What one chunk of these ids adds, in the order of `NAMES`; it may be tried again. */
async function added(table: ReturnType<typeof aTable>, ids: string[], tries = 1): Promise<number[]> {
  const before = await figures();
  const frame = decodeFrame(aFrame(ids.map((messageId) => aCheckedEvent({ messageId }))));
  const store = createStoreOnce({ ...table.ports, insert: countedInsert(table.ports.insert) });
  const range = { stream: "events", shard: "shard", from: seqOf(1), to: seqOf(1) };
  for (let left = tries; left > 0; left--)
    await store(range, [{ seq: seqOf(1), frame }], Number.POSITIVE_INFINITY).catch(() => {});
  return (await figures()).map((value, at) => value - (before[at] ?? 0));
}

test("what is stored is counted once, with the bad rows of its chunk searched for", async () => {
  expect(await added(aTable(), ["a", "b", "c"])).toEqual([3, 0, 0, 0, 0]);
  expect(await added(aTable(), ["a", "poison", "b", "c"])).toEqual([3, 3, 0, 0, 0]);
});

test("an insert whose answer is lost is told as such, and its events are there when it is tried again", async () => {
  const faults: InsertFault[] = ["lost"];
  expect(
    await added(
      aTable(() => faults.shift()),
      ["a", "b"],
      2,
    ),
  ).toEqual([0, 0, 1, 0, 2]);
});

test("a token that stands for nothing is used again, and the events are counted once", async () => {
  const forgotten = new Set([`events:shard:${seqOf(1)}-${seqOf(1)}:v1`]);
  const table = aTable(() => undefined, forgotten);
  expect(await added(table, ["a", "b"])).toEqual([2, 0, 0, 1, 0]);
  expect(table.rows).toHaveLength(2);
});
