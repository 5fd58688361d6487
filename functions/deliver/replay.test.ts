import { expect, test } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import type { Retry } from "../event/retry.ts";
import { aCheckedEvent, aFrame, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { createReplayLetters, type ReplayNote, type WholeLetter } from "./replay.ts";

const OTHER = "00000000-0000-4000-8000-000000000002";
const aWhole = (fields: Partial<WholeLetter> = {}): WholeLetter => ({
  id: "l1",
  sourceId: SOURCE,
  messageId: "m-1",
  type: "track",
  payloadKind: "event",
  payload: '{"type":"track","event":"x"}',
  attempt: 1,
  receivedAt: NOW - 9,
  rejectedAt: NOW - 8,
  ...fields,
});

function aReplayer(letters: WholeLetter[] = [], outcomes: ("stored" | "refused" | "unknown")[] = [], page = 2) {
  const places = new Map(letters.map(({ id }, place) => [id, place]));
  const sent: Retry[] = [];
  const noted: ReplayNote[] = [];
  const asked: { filter: { to?: number | undefined }; after: string | undefined; limit: number }[] = [];
  const replay = createReplayLetters({
    wholeAfter: async (_, { filter }, after, { limit }) => {
      asked.push({ filter, after: after?.id, limit });
      const from = after ? (places.get(after.id) ?? -1) + 1 : 0;
      return letters.slice(from, from + Math.min(limit, page));
    },
    sendRetries: async (retries) => retries.map((retry) => outcomes[sent.push(retry) - 1] ?? "stored"),
    noteReplays: async (_, notes) => void noted.push(...notes),
    newId: () => "r1",
    now: () => NOW,
    orderBuckets: 4,
  });
  return { replay, sent, noted, asked };
}

test("a letter's event goes as it was, as the next attempt, and that is noted beside it", async () => {
  const { replay, sent, noted } = aReplayer();
  const answer = await replay.one(WORKSPACE, aWhole({ attempt: 2 }));
  expect(answer).toEqual({ replay_id: "r1", count: 1, skipped: 0, truncated: false });
  expect(sent).toEqual([
    {
      kind: "event",
      workspaceId: WORKSPACE,
      sourceId: SOURCE,
      payload: '{"type":"track","event":"x"}',
      messageId: "m-1",
      receivedAt: NOW - 9,
      attempt: 3,
      letterId: "l1",
      replayId: "r1",
    },
  ]);
  expect(noted).toEqual([
    { letterId: "l1", replayId: "r1", messageId: "m-1", edited: false, sent: true, requestedAt: NOW },
  ]);
});

test("an edited event goes in its place, of the letter's type unless it says another, under the letter's id", async () => {
  const { replay, sent, noted } = aReplayer();
  await replay.one(WORKSPACE, aWhole(), { event: "y" });
  await replay.one(WORKSPACE, aWhole(), { type: "page", messageId: "m-1" });
  expect(sent.map((retry) => retry.kind === "event" && [retry.messageId, JSON.parse(retry.payload)])).toEqual([
    ["m-1", { type: "track", event: "y" }],
    ["m-1", { type: "page", messageId: "m-1" }],
  ]);
  expect(noted.map(({ edited }) => edited)).toEqual([true, true]);
});

test("an edit that changes the message id is refused: by it the event is stored once", async () => {
  const { replay, sent } = aReplayer();
  const changed = replay.one(WORKSPACE, aWhole(), { messageId: "m-2" });
  await expect(changed).rejects.toMatchObject({ code: "validation_failed", field: "payload.messageId" });
  expect(sent).toEqual([]);
  await replay.one(WORKSPACE, aWhole({ messageId: "" }), { messageId: "m-2" });
  expect(sent).toHaveLength(1);
});

test("a record that can be read by now goes back as a frame, to its own place", async () => {
  const record = aFrame([aCheckedEvent({ anonymousId: "anon-1" })]);
  const { replay, sent } = aReplayer();
  await replay.one(WORKSPACE, aWhole({ payloadKind: "record", payload: record.toString("base64") }));
  const [frame] = sent;
  expect(frame).toMatchObject({ kind: "frame", partitionKey: expect.stringMatching(`^${WORKSPACE}:[0-3]$`) });
  expect(frame?.kind === "frame" && decodeFrame(frame.record).workspaceId).toBe(WORKSPACE);
});

test.each<[string, Partial<WholeLetter>, object | undefined]>([
  ["cannot be read", { payload: "AAAA" }, undefined],
  ["is another workspace's", { payload: aFrame([aCheckedEvent()], OTHER).toString("base64") }, undefined],
  ["is to be edited", { payload: aFrame([aCheckedEvent()]).toString("base64") }, { event: "y" }],
])("a record that %s is refused", async (_, fields, edited) => {
  const { replay, sent, noted } = aReplayer();
  const asked = replay.one(WORKSPACE, aWhole({ payloadKind: "record", ...fields }), edited as never);
  await expect(asked).rejects.toMatchObject({ code: "validation_failed" });
  expect([sent, noted]).toEqual([[], []]);
});

test("a replay goes through all that are chosen, page by page, each once; what cannot go is counted", async () => {
  const letters = ["a", "b", "c", "d", "e"].map((id) => aWhole({ id }));
  letters[2] = aWhole({ id: "c", payloadKind: "record", payload: "" });
  const { replay, sent, noted, asked } = aReplayer(letters);
  const answer = await replay.chosen(WORKSPACE, { filter: {} });
  expect(answer).toEqual({ replay_id: "r1", count: 4, skipped: 1, truncated: false });
  expect(sent.map((retry) => retry.kind === "event" && retry.letterId)).toEqual(["a", "b", "d", "e"]);
  expect(noted.map(({ letterId }) => letterId)).toEqual(["a", "b", "d", "e"]);
  expect(asked.map(({ after }) => after)).toEqual([undefined, "b", "d", "e"]);
});

test("what is refused after the replay began is not part of it: a replay that fails again makes no loop", async () => {
  const { replay, asked } = aReplayer([aWhole()]);
  await replay.chosen(WORKSPACE, { filter: {} });
  await replay.chosen(WORKSPACE, { filter: { to: NOW + 5 } });
  await replay.chosen(WORKSPACE, { filter: { to: NOW - 5 } });
  expect(new Set(asked.map(({ filter }) => filter.to))).toEqual(new Set([NOW, NOW - 5]));
});

test("a queue that takes nothing is said, and what it did take is noted", async () => {
  const letters = ["a", "b", "c"].map((id) => aWhole({ id }));
  const { replay, noted } = aReplayer(letters, ["stored", "refused"]);
  const asked = replay.chosen(WORKSPACE, { filter: {} });
  await expect(asked).rejects.toMatchObject({ code: "unavailable", retryAfterSeconds: 5 });
  expect(noted.map(({ letterId, sent }) => [letterId, sent])).toEqual([
    ["a", true],
    ["b", false],
  ]);
});

test("an answer that was lost counts as sent: the event may come", async () => {
  const { replay, noted } = aReplayer([], ["unknown"]);
  await replay.one(WORKSPACE, aWhole());
  expect(noted[0]?.sent).toBe(true);
});

test("a call ends at its limit and says so", async () => {
  const letters = Array.from({ length: 100_001 }, (_, index) => aWhole({ id: `${index}` }));
  const { replay, sent } = aReplayer(letters, [], 500);
  const answer = await replay.chosen(WORKSPACE, { filter: {} });
  expect(answer).toMatchObject({ count: 100_000, truncated: true });
  expect(sent).toHaveLength(100_000);
});
