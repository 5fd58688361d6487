import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import { newId } from "../kit/id.ts";
import { log } from "../kit/log.ts";
import { createInsertEvents } from "../stores/clickhouse/insert-events.ts";
import { createInsertLines } from "../stores/clickhouse/insert-lines.ts";
import { createInsertNative } from "../stores/clickhouse/insert-rows.ts";
import { createNoteSuspects } from "../stores/clickhouse/note-suspects.ts";
import { createStoredKeys } from "../stores/clickhouse/stored-keys.ts";
import { aCheckedEvent, aFrame, seqOf } from "../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { createStoreOnce, type StorePorts } from "./store-once.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const MONTHS = 150;
/** Two events of each month; neighbours in a record are of months far from each other. */
const TIMES = Array.from({ length: 2 * MONTHS }, (_, n) => Date.UTC(2005, (n * 47) % MONTHS, 1 + (n % 28)));
const RECORDS = 10;

let warehouse: FreshClickHouse;
let real: StorePorts;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  const { client } = warehouse;
  real = {
    ...createStoredKeys(client),
    noteSuspects: createNoteSuspects(createInsertLines(client)),
    insert: createInsertEvents(createInsertNative(client), newId),
    reject: async () => expect.unreachable(),
  };
});
afterAll(() => warehouse?.drop());

const each = TIMES.length / RECORDS;
const pieces = Array.from({ length: RECORDS }, (_, index) => ({
  seq: seqOf(index),
  frame: decodeFrame(
    aFrame(
      TIMES.slice(index * each, (index + 1) * each).map((timestamp, n) =>
        aCheckedEvent({ messageId: `${index}-${n}`, timestamp, originalTimestamp: timestamp }),
      ),
    ),
  ),
}));
const store = (ports: StorePorts, shard: string, from = 0, to = RECORDS) => {
  const own = pieces.slice(from, to);
  const range = { stream: "events", shard, from: own[0]?.seq ?? "", to: own.at(-1)?.seq ?? "" };
  return createStoreOnce(ports)(range, own, Date.now() + 60_000);
};
async function stored(shard: string) {
  const query = `SELECT message_id AS id, toUnixTimestamp64Milli(timestamp) AS ms FROM events
    WHERE _shard = {shard: String} ORDER BY _seq, _sub`;
  const answer = await warehouse.client.query({ query, query_params: { shard }, format: "JSONEachRow" });
  return (await answer.json<{ id: string; ms: string }>()).map(({ id, ms }) => [id, Number(ms)]);
}
const ALL = TIMES.map((time, n) => [`${Math.floor(n / each)}-${n % each}`, time]);

test("a chunk of 150 months is stored once and in its order, a month an insert, also when its writer dies between two and the next is cut otherwise", async () => {
  const calls: Parameters<StorePorts["insert"]>[] = [];
  /** Dies at its `at`-th insert, before it or, where its answer is what is lost, behind it. */
  const dying = (at: number, isDone: boolean): StorePorts => {
    let inserts = 0;
    const insert: StorePorts["insert"] = async (...call) => {
      const isLast = ++inserts === at;
      if (isLast && !isDone) throw new Error("gone");
      calls.push(call);
      await real.insert(...call);
      if (isLast) throw new Error("gone");
    };
    return { ...real, insert };
  };
  await expect(store(dying(50, false), "months")).rejects.toThrow("gone");
  expect(await stored("months")).toHaveLength(2 * 49);
  await expect(store(dying(51, true), "months")).rejects.toThrow("gone");
  expect(await stored("months")).toHaveLength(2 * 100);
  await store(dying(1_000, true), "months", 0, 7);
  await store(dying(1_000, true), "months", 7);
  expect(await stored("months")).toEqual(ALL);
  expect(new Set(calls.map(([, , token]) => token)).size).toBe(calls.length);
  // Each token stands for its own rows: an insert that the network brings twice adds nothing.
  for (const call of [calls[0], calls[50], calls.at(-1)]) if (call) await real.insert(...call);
  expect(await stored("months")).toEqual(ALL);
});
