import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import type { DeadLetter } from "../event/dead-letter.ts";
import { decodeFrame } from "../event/frame.ts";
import { newId } from "../kit/id.ts";
import { createInsertEvents } from "../stores/clickhouse/insert-events.ts";
import { createInsertLines } from "../stores/clickhouse/insert-lines.ts";
import { createInsertNative } from "../stores/clickhouse/insert-rows.ts";
import { createNoteSuspects } from "../stores/clickhouse/note-suspects.ts";
import { createStoredKeys } from "../stores/clickhouse/stored-keys.ts";
import { aCheckedEvent, aFrame, seqOf } from "../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { createStoreOnce } from "./store-once.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let warehouse: FreshClickHouse;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  await warehouse.client.command({ query: "ALTER TABLE events ADD CONSTRAINT no_poison CHECK event != 'Poison'" });
});
afterAll(() => warehouse?.drop());

test("I-21 events that no longer fit the table after a migration are dead letters, and the rest of their chunk is stored once", async () => {
  const letters: DeadLetter[] = [];
  const { client } = warehouse;
  const store = createStoreOnce({
    ...createStoredKeys(client),
    noteSuspects: createNoteSuspects(createInsertLines(client)),
    insert: createInsertEvents(createInsertNative(client), newId),
    reject: async (more) => void letters.push(...more),
  });
  const pieces = [1, 2, 3].map((index) => ({
    seq: seqOf(index),
    frame: decodeFrame(
      aFrame(
        Array.from({ length: 40 }, (_, sub) =>
          aCheckedEvent({ messageId: `${index}-${sub}`, event: index === 2 && sub % 20 === 7 ? "Poison" : "Fine" }),
        ),
      ),
    ),
  }));
  const range = { stream: "events", shard: "shard-poison", from: seqOf(1), to: seqOf(3) };
  await store(range, pieces, Date.now() + 60_000);
  await store(range, pieces, Date.now() + 60_000);
  const answer = await client.query({
    query: "SELECT count() AS rows, uniqExact(message_id) AS ids FROM events WHERE _shard = 'shard-poison'",
    format: "JSONEachRow",
  });
  const [counted] = await answer.json<{ rows: string; ids: string }>();
  expect([Number(counted?.rows), Number(counted?.ids)]).toEqual([118, 118]);
  expect(new Set(letters.map(({ messageId }) => messageId))).toEqual(new Set(["2-7", "2-27"]));
  expect(new Set(letters.map(({ id }) => id)).size).toBe(2);
  expect(letters[0]).toMatchObject({ stage: "insert", code: "insert_failed", message: expect.stringContaining("469") });
});
