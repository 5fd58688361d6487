import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import type { DeadLetter } from "../event/dead-letter.ts";
import { AppError } from "../kit/errors.ts";
import { createInsertLines } from "../stores/clickhouse/insert-lines.ts";
import { createRunQuery } from "../stores/clickhouse/run-query.ts";
import { namesIn, readSql } from "../stores/clickhouse/sql-file.ts";
import { createStoreLetters } from "../stores/clickhouse/store-letters.ts";
import { createNoteReplays } from "../stores/clickhouse/store-replays.ts";
import { aCheckedEvent, DAY, iso, MINUTE, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { aLetter } from "../testing/dead-letters.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { storeEvents } from "../testing/stored-events.ts";
import { createDeadLetters } from "./dead-letters.ts";
import type { LiveEntry } from "./live-events.ts";
import { createTraceOf, storedEvent, type TracePorts } from "./trace.ts";

const OTHER_WORKSPACE = "00000000-0000-4000-8000-000000000002";
const OTHER_SOURCE = "00000000-0000-4000-8000-0000000000bb";
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let warehouse: FreshClickHouse;
let store: (letters: readonly DeadLetter[]) => Promise<void>;
let note: ReturnType<typeof createNoteReplays>;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  store = createStoreLetters(warehouse.client, createInsertLines(warehouse.client));
  note = createNoteReplays(createInsertLines(warehouse.client));
});
afterAll(() => warehouse?.drop());

/** Traces over the real table, with live views given by source. */
function tracer(live: Record<string, LiveEntry[]> = {}, ports: Partial<TracePorts> = {}) {
  const runQuery = createRunQuery(warehouse.client);
  return createTraceOf({
    runQuery,
    letters: createDeadLetters(runQuery),
    readLive: async (sourceId) => live[sourceId] ?? [],
    sourceIdsOf: async (workspaceId) => (workspaceId === WORKSPACE ? [SOURCE, OTHER_SOURCE] : []),
    ...ports,
  });
}
const aRequest = (at: number, request_id: string, ...events: object[]): LiveEntry => ({
  id: `${at + 20}-0`,
  entry: JSON.stringify({
    at,
    request_id,
    call: "batch",
    events: events.map((event) => ({ type: "track", event: "x", ...event })),
  }),
});
const way = ({ steps }: Awaited<ReturnType<ReturnType<typeof createTraceOf>>>) =>
  steps.map(({ stage, outcome }) => `${stage} ${outcome}`);

test("an event that was accepted and stored, and came again", async () => {
  const id = 'odd "id" / ключ 🎉';
  await storeEvents(warehouse.client, [
    aCheckedEvent({ messageId: id, receivedAt: NOW, warnings: ["clock_skew"], timestamp: NOW - 40 * DAY }),
    aCheckedEvent({ messageId: "another" }),
  ]);
  const trace = await tracer({
    [SOURCE]: [
      aRequest(
        NOW,
        "r1",
        { id: "another", outcome: "accepted" },
        { id, outcome: "accepted", warnings: ["clock_skew"] },
      ),
    ],
    [OTHER_SOURCE]: [aRequest(NOW + MINUTE, "r2", { id, outcome: "duplicate" })],
  })(WORKSPACE, id);
  expect(trace).toMatchObject({ message_id: id, found: true, complete: true });
  expect(way(trace)).toEqual(["door accepted", "table stored", "door duplicate"]);
  expect(trace.steps[0]).toMatchObject({ at: iso(NOW), request_id: "r1", source_id: SOURCE, warnings: ["clock_skew"] });
  expect(trace.steps[1]).toMatchObject({ type: "track", event: "Order Completed", timestamp: iso(NOW - 40 * DAY) });
  expect(trace.steps[2]).toMatchObject({ source_id: OTHER_SOURCE });
  for (const { words } of trace.steps) expect(words).toMatch(/^[A-Z].{20,}[.]$/);
});

test("an event that was refused, was replayed, failed again, was replayed edited, and is stored", async () => {
  const id = "mended";
  const letter = aLetter({ messageId: id, id: "L1", trace: "r1", rejectedAt: NOW });
  const again = { id: "L2", attempt: 2, replayId: "p1", trace: "p1:L1", rejectedAt: NOW + 2 * MINUTE };
  await store([letter, { ...letter, ...again }]);
  const noted = { messageId: id, sent: true };
  await note(WORKSPACE, [
    { ...noted, letterId: "L1", replayId: "p1", edited: false, requestedAt: NOW + MINUTE },
    { ...noted, letterId: "L2", replayId: "p2", edited: true, requestedAt: NOW + 3 * MINUTE },
  ]);
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: id, receivedAt: NOW })]);
  const refused = { id, outcome: "rejected", code: "schema_conflict", field: "price", message: "price is a number" };
  const replayed = (at: number, name: string, event: object) => ({ ...aRequest(NOW, name, event), id: `${at}-0` });
  const trace = await tracer({
    [SOURCE]: [
      aRequest(NOW, "r1", refused),
      replayed(NOW + 2 * MINUTE + 5, "p1:L1", refused),
      replayed(NOW + 4 * MINUTE, "p2:L2", { id, outcome: "accepted" }),
    ],
  })(WORKSPACE, id);
  expect(way(trace)).toEqual([
    "door rejected",
    "dead_letter dead_lettered",
    "replay replayed",
    "door rejected",
    "dead_letter dead_lettered",
    "replay replayed",
    "door accepted",
    "table stored",
  ]);
  expect(trace.steps[0]).toMatchObject({ code: "schema_conflict", field: "price" });
  expect(trace.steps[0]?.words).toContain("price is a number");
  expect(trace.steps[4]).toMatchObject({ attempt: 2, replay_id: "p1" });
  expect(trace.steps[5]?.words).toContain("edited");
  expect(trace.steps.map(({ at }) => at)).toEqual(trace.steps.map(({ at }) => at).toSorted());
});

test.each([
  ["suppressed", {}],
  ["quarantined", { code: "plan_violation", message: "total is not planned" }],
])("an event that was %s is told so", async (outcome, more) => {
  const trace = await tracer({ [SOURCE]: [aRequest(NOW, "r", { id: "kept out", outcome, ...more })] })(
    WORKSPACE,
    "kept out",
  );
  expect(way(trace)).toEqual([`door ${outcome}`]);
});

test("an id that never came is not found, nor are ids that hold it", async () => {
  const live = {
    [SOURCE]: [
      aRequest(NOW, "r", { id: "unknown-1", outcome: "accepted" }),
      aRequest(NOW, "unknown", { id: "x", event: "unknown", outcome: "accepted" }),
    ],
  };
  expect(await tracer(live)(WORKSPACE, "unknown")).toEqual({
    message_id: "unknown",
    found: false,
    complete: true,
    steps: [],
  });
});

test("another workspace's event is not found, in the table nor among the dead letters", async () => {
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "theirs" })], OTHER_WORKSPACE);
  await store([aLetter({ workspaceId: OTHER_WORKSPACE, id: "theirs", messageId: "theirs" })]);
  expect((await tracer()(WORKSPACE, "theirs")).found).toBe(false);
  expect(way(await tracer()(OTHER_WORKSPACE, "theirs"))).toEqual(["dead_letter dead_lettered", "table stored"]);
});

const full = (from: number) => Array.from({ length: 1_000 }, (_, n) => aRequest(from + n, "r", { id: `${n}` }));
const cut = (at: number): LiveEntry => {
  const { id, entry } = aRequest(at, "r", { id: "x" });
  return { id, entry: entry.replace(/\}$/, ',"more":5}') };
};

test.each<[string, LiveEntry[], boolean]>([
  ["begins after the event came", full(NOW + MINUTE), false],
  ["has a batch since that did not fit", [cut(NOW + MINUTE)], false],
  ["is full and goes back beyond it", full(NOW - MINUTE), true],
  ["has a batch before it that did not fit", [cut(NOW - MINUTE)], true],
])("a trace says whether a verdict may be missing: the view %s", async (_, entries, complete) => {
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "seen", receivedAt: NOW })]);
  expect(await tracer({ [SOURCE]: entries })(WORKSPACE, "seen")).toMatchObject({ found: true, complete });
});

test("with the cache away the rest is told, and that it may not be all", async () => {
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "half" })]);
  const readLive = () => Promise.reject(new AppError("unavailable", "away"));
  const trace = await tracer({}, { readLive })(WORKSPACE, "half");
  expect([trace.complete, way(trace)]).toEqual([false, ["table stored"]]);
});

test("the template of a trace names exactly what its query declares", () => {
  expect(namesIn(readSql(storedEvent.sql))).toEqual({
    params: new Set(["workspace_id", "message_id"]),
    slots: new Set(),
  });
});
