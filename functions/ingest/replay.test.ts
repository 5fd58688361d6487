import { describe, expect, test } from "vitest";
import type { ReplayedEvent } from "../event/retry.ts";
import type { Source } from "../registry/source.ts";
import { aDraft, aSource, DAY, iso, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { aCache, aDeadLetterQueue, aPublish, aRegistry, ingestPorts } from "../testing/fakes.ts";
import type { IngestPorts } from "./ports.ts";
import type { PutResult } from "./publish.ts";
import { createReplay } from "./replay.ts";

/** The replay over fakes; `results` says what the stream does with each event in turn. */
function aReplay(
  results: PutResult[] = [],
  types: Parameters<typeof aRegistry>[0] = {},
  { source = {}, ports = {} }: { source?: Partial<Source>; ports?: Partial<IngestPorts> } = {},
) {
  const cache = aCache({ [`site:${SOURCE}`]: aSource(source) });
  const queue = aDeadLetterQueue();
  const registry = aRegistry(types);
  const { publish, published } = aPublish(results);
  const replay = createReplay(
    ingestPorts({
      ...cache,
      reject: queue.reject,
      schemas: registry.schemas,
      publish,
      ...ports,
    }),
  );
  return { replay, cache, queue, registry, published };
}
const anEvent = (draft: object = {}, fields: Partial<ReplayedEvent> = {}): ReplayedEvent => ({
  kind: "event",
  workspaceId: WORKSPACE,
  sourceId: SOURCE,
  payload: JSON.stringify(aDraft({ type: "track", ...draft })),
  messageId: "m-1",
  receivedAt: NOW - 3 * DAY,
  attempt: 2,
  letterId: "letter-1",
  replayId: "replay-1",
  ...fields,
});

describe("I-17 a replayed event", () => {
  test("goes to the stream as it first came, and as suspect: the store looks it up", async () => {
    const { replay, published, cache } = aReplay();
    expect(await replay(anEvent())).toBe("stored");
    expect(published).toMatchObject([{ messageId: "m-1", receivedAt: NOW - 3 * DAY, suspect: true, sourceId: SOURCE }]);
    expect(cache.asked).toMatchObject([
      { bucket: "dedup:replay", lookup: `site:${SOURCE}`, ids: ["m-1"], uncounted: true },
    ]);
    // Its live copy, sent again in the meantime, would be a clean one otherwise.
    expect(cache.settled).toMatchObject([{ confirm: ["m-1"], confirmLive: ["m-1"], release: [] }]);
  });

  test("F42 that is replayed twice is stored once", async () => {
    const { replay, published } = aReplay();
    expect([await replay(anEvent()), await replay(anEvent())]).toEqual(["stored", "duplicate"]);
    expect(published).toHaveLength(1);
  });

  test("13f of a suppressed person is not stored, and no duplicate of anything; nobody's is", async () => {
    const { replay, published, cache } = aReplay(
      [],
      {},
      {
        source: { rules: { version: 1, plan: false, suppressed: true } },
        ports: {
          hashOfPerson: (_, id) => id,
          rulesOf: () => ({ plan: null, suppressed: new Set(["u-1", "a-1", "null", ""]) }),
        },
      },
    );
    const of = (messageId: string, ids: object) => anEvent({ messageId, ...ids }, { messageId });
    expect([
      await replay(of("1", { userId: "u-1" })),
      await replay(of("2", { userId: null, anonymousId: "a-1" })),
      await replay(of("3", { userId: "u-2", anonymousId: null })),
      await replay(of("4", { userId: "", anonymousId: "a-2" })),
      await replay(of("5", { type: "alias", userId: "u-2", previousId: "u-1" })),
    ]).toEqual(["suppressed", "suppressed", "stored", "stored", "suppressed"]);
    expect(published.map(({ messageId }) => messageId)).toEqual(["3", "4"]);
    expect(cache.settled.map(({ confirm, confirmLive }) => [confirm, confirmLive])).toEqual([
      [["1"], []],
      [["2"], []],
      [["3"], ["3"]],
      [["4"], ["4"]],
      [["5"], []],
    ]);
  });

  test.each([{}, { rules: { version: 1, plan: true, suppressed: true } }])(
    "F44 whose ids are no ids is back among the dead letters, and does not come back from the queue for ever: %j",
    async (source) => {
      const rulesOf = () => ({ plan: null, suppressed: new Set(["x"]) });
      const { replay, queue } = aReplay([], {}, { source, ports: { rulesOf, hashOfPerson: (_, id) => id } });
      expect(await replay(anEvent({ userId: { a: 1 } }))).toBe("rejected");
      expect(await replay(anEvent({ userId: ["x"] }))).toBe("rejected");
      expect(await replay(anEvent({ messageId: { a: 1 } }, { messageId: "", letterId: "l-1" }))).toBe("rejected");
      expect(queue.letters.map(({ field, messageId }) => [field, messageId])).toEqual([
        ["userId", "m-1"],
        ["userId", "m-1"],
        ["messageId", "l-1"],
      ]);
    },
  );

  test.each([null, "", undefined])("F42 whose message id is %j has its letter's", async (messageId) => {
    const { replay, published } = aReplay();
    expect(await replay(anEvent({ messageId }, { messageId: "", letterId: "l-1" }))).toBe("stored");
    expect(published).toMatchObject([{ messageId: "l-1" }]);
  });

  test("13c whose edited text no table takes is cleaned, and says so", async () => {
    const { replay, published } = aReplay();
    const payload = JSON.stringify(aDraft({ type: "track", event: "E\ud800", properties: { "a\0": ["\udc00\0"] } }));
    expect(await replay({ ...anEvent(), payload })).toBe("stored");
    expect(published).toMatchObject([
      { event: "E\ufffd", properties: { a: ["\ufffd"] }, warnings: expect.arrayContaining(["text_cleaned"]) },
    ]);
  });

  test("I-09 is never late", async () => {
    const { replay } = aReplay();
    expect(await replay(anEvent({ sentAt: iso(NOW - 300 * DAY) }))).toBe("stored");
  });

  test("F44 that fails again is back among the dead letters with its attempt, and may be replayed again", async () => {
    const { replay, queue, cache } = aReplay([], { "track:Order Completed": { "properties.price": "number" } });
    const again = await replay(anEvent({ properties: { price: "a" } }));
    expect(again).toBe("rejected");
    expect(queue.letters).toMatchObject([
      {
        code: "schema_conflict",
        field: "properties.price",
        stage: "schema",
        attempt: 2,
        replayId: "replay-1",
        messageId: "m-1",
      },
    ]);
    expect(JSON.parse(queue.letters[0]?.payload ?? "")).toMatchObject({ properties: { price: "a" } });
    expect(cache.settled).toMatchObject([{ confirm: [], release: ["m-1"] }]);
    expect(await replay(anEvent({ properties: { price: 3 } }))).toBe("stored");
  });

  test.each(["no JSON", "[]", "5"])("whose payload is no event any more (%s) fails again", async (payload) => {
    const { replay, queue } = aReplay();
    expect(await replay(anEvent({}, { payload }))).toBe("rejected");
    expect(queue.letters).toMatchObject([{ stage: "validate", code: "validation_failed" }]);
  });

  test("P-20 that is larger than an event may be fails again, whoever edited it", async () => {
    const { replay, queue, published } = aReplay();
    expect(await replay(anEvent({ properties: { text: "x".repeat(110_000) } }))).toBe("rejected");
    expect(queue.letters).toMatchObject([{ code: "payload_too_large", attempt: 2 }]);
    expect(published).toEqual([]);
  });

  test("that was edited into another message id is refused: it would be another event", async () => {
    const { replay, queue } = aReplay();
    expect(await replay(anEvent({ messageId: "other" }))).toBe("rejected");
    expect(queue.letters).toMatchObject([{ field: "messageId" }]);
  });

  test("that never had a readable id gets its letter's", async () => {
    const { replay, published } = aReplay();
    const event = anEvent({ messageId: null }, { messageId: "" });
    const { messageId: _, ...rest } = JSON.parse(event.payload);
    expect(await replay({ ...event, payload: JSON.stringify(rest) })).toBe("stored");
    expect(published).toMatchObject([{ messageId: "letter-1" }]);
  });

  test.each<PutResult>(["refused", "unknown"])(
    "that the stream did not take (%s) is tried again by the queue",
    async (result) => {
      const { replay, cache } = aReplay([result]);
      await expect(replay(anEvent())).rejects.toThrow("did not take");
      expect(cache.settled).toMatchObject([{ confirm: [], release: result === "refused" ? ["m-1"] : [] }]);
      expect(await replay(anEvent())).toBe("stored");
    },
  );

  test("whose dead letter cannot be kept is tried again by the queue", async () => {
    const { replay, queue } = aReplay();
    queue.state.away = true;
    await expect(replay(anEvent({ event: "" }))).rejects.toThrow("away");
  });

  test("whose source is gone, or another workspace's, is back among its own workspace's dead letters", async () => {
    const { replay, published, queue } = aReplay();
    const other = "00000000-0000-4000-8000-00000000dead";
    expect(await replay(anEvent({}, { workspaceId: other }))).toBe("rejected");
    expect(await replay(anEvent({}, { sourceId: other }))).toBe("rejected");
    expect(published).toEqual([]);
    const said = { code: "not_found", field: "source_id", attempt: 2, replayId: "replay-1" };
    expect(queue.letters).toMatchObject([
      { ...said, workspaceId: other },
      { ...said, sourceId: other },
    ]);
  });
});
