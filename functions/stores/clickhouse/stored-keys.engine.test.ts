import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { decodeFrame } from "../../event/frame.ts";
import { newId } from "../../kit/id.ts";
import { aCheckedEvent, aFrame, DAY, NOW, seqOf, WORKSPACE } from "../../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../../testing/fresh-clickhouse.ts";
import { storeEvents } from "../../testing/stored-events.ts";
import { createInsertEvents } from "./insert-events.ts";
import { createInsertLines } from "./insert-lines.ts";
import { createInsertNative } from "./insert-rows.ts";
import { createNoteSuspects } from "./note-suspects.ts";
import { createStoredKeys, type StoredKeys } from "./stored-keys.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const OTHER_WORKSPACE = "00000000-0000-4000-8000-000000000002";

let warehouse: FreshClickHouse;
let keys: StoredKeys;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  keys = createStoredKeys(warehouse.client);
});
afterAll(() => warehouse?.drop());

async function storeAt(shard: string, index: number, events: number) {
  const insert = createInsertEvents(createInsertNative(warehouse.client), newId);
  const seq = seqOf(index);
  const frame = decodeFrame(
    aFrame(Array.from({ length: events }, (_, sub) => aCheckedEvent({ messageId: `${shard}-${index}-${sub}` }))),
  );
  const selected = [{ seq, frame, subs: Array.from({ length: events }, (_, sub) => sub) }];
  await insert({ stream: "events", shard, from: seq, to: seq }, selected, `${shard}:${seq}`, 30_000);
}

test("a range gives back exactly the positions stored in it, of its own shard", async () => {
  await storeAt("shard-a", 10, 2);
  await storeAt("shard-a", 20, 1);
  await storeAt("shard-a", 30, 1);
  await storeAt("shard-b", 20, 3);
  const found = await keys.storedPositions({ shard: "shard-a", from: seqOf(10), to: seqOf(20) });
  expect(found.toSorted((a, b) => a.seq.localeCompare(b.seq) || a.sub - b.sub)).toEqual([
    { seq: seqOf(10), sub: 0 },
    { seq: seqOf(10), sub: 1 },
    { seq: seqOf(20), sub: 0 },
  ]);
  expect(await keys.storedPositions({ shard: "shard-a", from: seqOf(11), to: seqOf(19) })).toEqual([]);
  expect(await keys.storedPositions({ shard: "shard-c", from: seqOf(0), to: seqOf(99) })).toEqual([]);
});

test("message ids are found by their own times, of one workspace, whatever their characters", async () => {
  const odd = ["plain", "it's", 'q"uote', "back\\slash", "tab\there", "価格 🎉", "'); DROP TABLE events; --"];
  const originalTimestamp = NOW - 3 * DAY;
  await storeEvents(
    warehouse.client,
    odd.map((messageId) => aCheckedEvent({ messageId, originalTimestamp })),
  );
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "theirs", originalTimestamp })], OTHER_WORKSPACE);
  const wanted = (messageId: string, time: number | undefined = originalTimestamp) => ({
    messageId,
    originalTimestamp: time,
    receivedAt: NOW,
  });
  const asked = [...odd, "absent", "theirs"].map((id) => wanted(id));
  expect(await keys.storedMessageIds(WORKSPACE, asked)).toEqual(new Set(odd));
  expect(await keys.storedMessageIds(WORKSPACE, [wanted("plain", originalTimestamp + 1)])).toEqual(new Set());
  expect(await keys.storedMessageIds(WORKSPACE, [])).toEqual(new Set());
});

test("an event without a time of its own is found by when it came", async () => {
  const untimed = { originalTimestamp: undefined };
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "untimed", ...untimed, receivedAt: NOW - DAY })]);
  const came = (receivedAt: number) => [{ messageId: "untimed", ...untimed, receivedAt }];
  expect(await keys.storedMessageIds(WORKSPACE, came(NOW))).toEqual(new Set(["untimed"]));
  expect(await keys.storedMessageIds(WORKSPACE, came(NOW + 5 * DAY))).toEqual(new Set());
});

test("15a suspects of a shard are remembered for 15 minutes, whoever notes them and however often", async () => {
  let now = Date.now();
  const note = createNoteSuspects(createInsertLines(warehouse.client), () => now);
  const { recentSuspects } = createStoredKeys(warehouse.client, { now: () => now });
  const known = [
    { workspaceId: WORKSPACE, messageId: "it's 価格" },
    { workspaceId: OTHER_WORKSPACE, messageId: "theirs" },
  ];
  await note("shard-s", known);
  await note("shard-s", known);
  await note("shard-t", [{ workspaceId: WORKSPACE, messageId: "elsewhere" }]);
  const found = async () => {
    const named = await recentSuspects("shard-s");
    return named === "many" ? named : named.toSorted((a, b) => a.messageId.localeCompare(b.messageId));
  };
  expect(await found()).toEqual(known.toSorted((a, b) => a.messageId.localeCompare(b.messageId)));
  const more = Array.from({ length: 9_998 }, (_, n) => ({ workspaceId: WORKSPACE, messageId: `more-${n}` }));
  for (let at = 0; at < more.length; at += 2_000) await note("shard-s", more.slice(at, at + 2_000));
  expect(await found()).toHaveLength(10_000);
  await note("shard-s", [{ workspaceId: WORKSPACE, messageId: "one too many to be named" }]);
  expect(await found()).toBe("many");
  now += 15 * 60_000 + 1;
  expect(await found()).toEqual([]);
  // A chunk of more than two thousand is one row, which says that they are many.
  await note("shard-s", more.slice(0, 2_001));
  expect(await found()).toBe("many");
});
