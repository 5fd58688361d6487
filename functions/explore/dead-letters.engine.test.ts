import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import type { DeadLetter } from "../event/dead-letter.ts";
import { createInsertLines } from "../stores/clickhouse/insert-lines.ts";
import { createRunQuery } from "../stores/clickhouse/run-query.ts";
import { namesIn, readSql } from "../stores/clickhouse/sql-file.ts";
import { createStoreLetters } from "../stores/clickhouse/store-letters.ts";
import { createNoteReplays } from "../stores/clickhouse/store-replays.ts";
import { iso, MINUTE, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { aLetter } from "../testing/dead-letters.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { createDeadLetters, type DeadLetters, GroupsAsked, LettersAsked, letterQueries } from "./dead-letters.ts";

const OTHER = "00000000-0000-4000-8000-000000000002";
const NOBODY = "00000000-0000-0000-0000-000000000000";
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let warehouse: FreshClickHouse;
let letters: DeadLetters;
let store: (letters: readonly DeadLetter[]) => Promise<void>;
let note: ReturnType<typeof createNoteReplays>;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  const insert = createInsertLines(warehouse.client);
  store = createStoreLetters(warehouse.client, insert);
  note = createNoteReplays(insert);
  letters = createDeadLetters(createRunQuery(warehouse.client));
});
afterAll(() => warehouse?.drop());

let made = 0;
/** A workspace that no other test uses. */
const aWorkspace = () => `00000000-0000-4000-8000-${String(++made).padStart(12, "a")}`;
const list = (workspaceId: string, asked: object = {}) => letters.list(workspaceId, LettersAsked.parse(asked));
const idsOf = (page: { letters: { id: string }[] }) => page.letters.map(({ id }) => id);
const aNote = (letterId: string, replayId: string, fields: object = {}) => ({
  letterId,
  replayId,
  messageId: "m-1",
  edited: false,
  sent: true,
  requestedAt: NOW + MINUTE,
  ...fields,
});

describe("what is kept", () => {
  test("a letter comes back whole, in odd characters too", async () => {
    const workspaceId = aWorkspace();
    const odd = "\u0000\u001b[31m \ufffe ключ 🎉 ' \\ \" \n\t";
    const letter = aLetter({
      workspaceId,
      id: "odd",
      message: odd,
      payload: JSON.stringify({ odd }),
      field: odd,
      event: odd,
    });
    await store([letter]);
    expect(await letters.one(workspaceId, "odd")).toEqual({
      id: "odd",
      source_id: SOURCE,
      message_id: "m-1",
      type: "track",
      event: odd,
      stage: "schema",
      code: "schema_conflict",
      field: odd,
      message: odd,
      payload_kind: "event",
      payload: JSON.stringify({ odd }),
      attempt: 1,
      trace: "request-1",
      replay_id: "",
      received_at: iso(NOW - 5),
      rejected_at: iso(NOW),
      replays: [],
    });
  });

  test("a text with half a character in it does not hold the letters behind it", async () => {
    const workspaceId = aWorkspace();
    const half = { message: "\ud800", payload: "\udc00", messageId: "\ud800" };
    await store([aLetter({ workspaceId, id: "half", ...half }), aLetter({ workspaceId, id: "next" })]);
    expect((await letters.one(workspaceId, "half"))?.message).toBe("\ufffd");
    expect(idsOf(await list(workspaceId))).toEqual(["next", "half"]);
  });

  test("a payload of a megabyte is kept whole", async () => {
    const workspaceId = aWorkspace();
    const payload = "é".repeat(700_000);
    await store([aLetter({ workspaceId, payload })]);
    expect((await letters.one(workspaceId, "letter-1"))?.payload).toBe(payload);
  });

  test("a letter that is delivered again, alone, among others, or with another time, is one row", async () => {
    const workspaceId = aWorkspace();
    const one = aLetter({ workspaceId, id: "one" });
    const two = aLetter({ workspaceId, id: "two", rejectedAt: NOW + 1 });
    await store([one, one]);
    await store([one]);
    await store([two, one]);
    await store([{ ...two, rejectedAt: NOW + MINUTE }]);
    const counted = "SELECT count() AS rows FROM dead_letters WHERE workspace_id = {workspaceId: UUID}";
    const answer = await warehouse.client.query({ query: counted, query_params: { workspaceId }, format: "JSON" });
    expect((await answer.json<{ rows: string | number }>()).data.map(({ rows }) => Number(rows))).toEqual([2]);
    expect(idsOf(await list(workspaceId))).toEqual(["two", "one"]);
  });

  test("a letter that two stored at the same moment shows once, in every answer", async () => {
    const workspaceId = aWorkspace();
    const letter = aLetter({ workspaceId });
    const blind = createStoreLetters(
      { query: async () => ({ json: async () => [] }) } as never,
      createInsertLines(warehouse.client),
    );
    await Promise.all([blind([letter]), blind([letter])]);
    expect(idsOf(await list(workspaceId))).toEqual(["letter-1"]);
    expect(await letters.count(workspaceId, { filter: {} })).toBe(1);
    expect((await letters.groups(workspaceId, GroupsAsked.parse({}))).groups[0]?.letters).toBe(1);
    expect(await letters.wholeAfter(workspaceId, { filter: {} }, undefined, { limit: 9, bytes: 9_999 })).toHaveLength(
      1,
    );
  });

  test("what belongs to nobody is kept, and no workspace sees it", async () => {
    await store([aLetter({ workspaceId: "", sourceId: "", id: "nobody", payloadKind: "record", stage: "decode" })]);
    expect(await letters.one(WORKSPACE, "nobody")).toBeUndefined();
    expect(await letters.one(NOBODY, "nobody")).toMatchObject({ source_id: NOBODY, payload_kind: "record" });
  });
});

describe("the list", () => {
  test("goes through every letter once, the latest first, also where times are equal", async () => {
    const workspaceId = aWorkspace();
    const all = Array.from({ length: 23 }, (_, index) =>
      aLetter({ workspaceId, id: `l${String(index).padStart(2, "0")}`, rejectedAt: NOW + Math.floor(index / 5) }),
    );
    await store(all);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(workspaceId, { limit: "5", ...(cursor && { cursor }) });
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(all.map(({ id }) => id).reverse());
  });

  const KINDS: Partial<DeadLetter>[] = [
    { id: "a", code: "schema_conflict", field: "price" },
    { id: "b", code: "validation_failed", field: "userId", stage: "validate" },
    { id: "c", code: "late_event", field: "", stage: "late", type: "page", event: "" },
    { id: "d", code: "schema_conflict", field: "price", event: "Sign Up", rejectedAt: NOW + MINUTE },
    { id: "e", code: "schema_conflict", field: "", sourceId: OTHER, messageId: "m-2", replayId: "r" },
  ];
  let workspaceId: string;
  beforeAll(async () => {
    workspaceId = aWorkspace();
    await store(KINDS.map((kind) => aLetter({ workspaceId, ...kind })));
  });

  test.each<[object, string]>([
    [{}, "abcde"],
    [{ code: "schema_conflict" }, "ade"],
    [{ code: "schema_conflict", field: "price", type: "track", event: "Order Completed" }, "a"],
    [{ field: "" }, "ce"],
    [{ stage: "late" }, "c"],
    [{ type: "page" }, "c"],
    [{ source_id: OTHER }, "e"],
    [{ message_id: "m-2" }, "e"],
    [{ replay_id: "r" }, "e"],
    [{ from: iso(NOW + MINUTE) }, "d"],
    [{ to: iso(NOW + MINUTE) }, "abce"],
    [{ code: "' OR 1=1 --" }, ""],
  ])("chooses by %j", async (filter, wanted) => {
    expect(
      idsOf(await list(workspaceId, filter))
        .sort()
        .join(""),
    ).toBe(wanted);
    expect(await letters.count(workspaceId, { filter: LettersAsked.parse(filter) as never })).toBe(wanted.length);
  });

  test("groups by code and field, the largest first, each with its latest letter", async () => {
    const { groups } = await letters.groups(workspaceId, GroupsAsked.parse({}));
    expect(groups.map(({ code, field, letters: count }) => [code, field, count])).toEqual([
      ["schema_conflict", "price", 2],
      ["late_event", "", 1],
      ["schema_conflict", "", 1],
      ["validation_failed", "userId", 1],
    ]);
    expect(groups[0]).toMatchObject({
      first_at: iso(NOW),
      last_at: iso(NOW + MINUTE),
      last_id: "d",
      stages: ["schema"],
    });
  });

  test.each([
    [{ code: ["a", "b"] }],
    [{ codes: "late_event" }],
    [{ limit: "0" }],
    [{ limit: "1001" }],
    [{ cursor: "x" }],
    [{ from: "yesterday" }],
    [{ source_id: "me" }],
  ])("refuses %j", (wrong) => {
    expect(LettersAsked.safeParse(wrong).success).toBe(false);
  });
});

describe("replays", () => {
  test("stand beside their letter, which stays as it was", async () => {
    const workspaceId = aWorkspace();
    await store([aLetter({ workspaceId, id: "x" }), aLetter({ workspaceId, id: "y" })]);
    const before = await letters.one(workspaceId, "x");
    await note(workspaceId, [aNote("x", "r1"), aNote("x", "r2", { edited: true, requestedAt: NOW + 2 * MINUTE })]);
    const after = await letters.one(workspaceId, "x");
    expect(after).toEqual({
      ...before,
      replays: [
        { replay_id: "r1", edited: false, sent: true, at: iso(NOW + MINUTE) },
        { replay_id: "r2", edited: true, sent: true, at: iso(NOW + 2 * MINUTE) },
      ],
    });
    expect((await list(workspaceId)).letters.map(({ id, replays, replayed_at }) => [id, replays, replayed_at])).toEqual(
      [
        ["y", 0, null],
        ["x", 2, iso(NOW + 2 * MINUTE)],
      ],
    );
  });

  test("tell how many letters were taken up, sent, and failed again", async () => {
    const workspaceId = aWorkspace();
    await note(workspaceId, [aNote("x", "r"), aNote("y", "r"), aNote("z", "r", { sent: false }), aNote("x", "other")]);
    await store([aLetter({ workspaceId, id: "x2", attempt: 2, replayId: "r" }), aLetter({ workspaceId, id: "n" })]);
    expect(await letters.progress(workspaceId, "r")).toEqual({
      replay_id: "r",
      requested: 3,
      sent: 2,
      failed_again: 1,
      at: iso(NOW + MINUTE),
    });
    expect(await letters.progress(workspaceId, "unknown")).toBeUndefined();
    expect(await letters.progress(OTHER, "r")).toBeUndefined();
  });

  test("take whole letters the oldest first, within the bytes of a page but at least one", async () => {
    const workspaceId = aWorkspace();
    await store(
      [1, 2, 3, 4].map((n) => aLetter({ workspaceId, id: `p${n}`, payload: "x".repeat(1_000), rejectedAt: NOW + n })),
    );
    const page = (after: { rejectedAt: number; id: string } | undefined, bytes: number) =>
      letters
        .wholeAfter(workspaceId, { filter: {} }, after, { limit: 3, bytes })
        .then((rows) => rows.map(({ id }) => id));
    expect(await page(undefined, 1)).toEqual(["p1"]);
    expect(await page(undefined, 1_001)).toEqual(["p1", "p2"]);
    expect(await page(undefined, 100_000)).toEqual(["p1", "p2", "p3"]);
    expect(await page({ rejectedAt: NOW + 3, id: "p3" }, 100_000)).toEqual(["p4"]);
    expect(await page({ rejectedAt: NOW + 4, id: "p4" }, 100_000)).toEqual([]);
  });
});

test("nothing of another workspace shows: by id, by filter, in groups, counts, replays or progress", async () => {
  const [own, foreign] = [aWorkspace(), aWorkspace()];
  await store([aLetter({ workspaceId: foreign, id: "secret" })]);
  await note(foreign, [aNote("secret", "r")]);
  expect(await letters.one(own, "secret")).toBeUndefined();
  expect(idsOf(await list(own, { message_id: "m-1" }))).toEqual([]);
  expect((await letters.groups(own, GroupsAsked.parse({}))).groups).toEqual([]);
  expect(await letters.count(own, { filter: {}, ids: ["secret"] })).toBe(0);
  expect(await letters.wholeAfter(own, { filter: {}, ids: ["secret"] }, undefined, { limit: 9, bytes: 9 })).toEqual([]);
  expect(await letters.replaysOf(own, ["secret"])).toEqual([]);
  expect(await letters.progress(own, "r")).toBeUndefined();
});

test.each(Object.values(letterQueries))(
  "the template $sql names exactly what its query declares",
  ({ sql, params, slots }) => {
    const names = namesIn(readSql(sql));
    expect(names.slots).toEqual(new Set(slots));
    expect(names.params).toEqual(new Set(["workspace_id", ...Object.keys(params.shape)]));
  },
);
