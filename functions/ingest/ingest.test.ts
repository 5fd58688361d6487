import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { CheckedEvent } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import { newId } from "../kit/id.ts";
import { aCall, aDraft, aSource, DAY, HOUR, iso, LIMITS, NOW, SOURCE, WORKSPACE } from "../testing/builders.ts";
import { aCache, ingestPorts } from "../testing/fakes.ts";
import { createIngest } from "./ingest.ts";
import type { IngestPorts } from "./ports.ts";
import type { PutResult } from "./publish.ts";

/** The path over a cache in memory and a stream that says of each event what `results` says, else that it is stored. */
function aPath(results: PutResult[] = [], ports: Partial<IngestPorts> = {}) {
  const cache = aCache({ "#wk_test": aSource(), "#wk_off": aSource({ enabled: false }) });
  const published: CheckedEvent[] = [];
  const ingest = createIngest(
    ingestPorts({
      ...cache,
      publish: async (workspaceId, events) => {
        expect(workspaceId).toBe(WORKSPACE);
        published.push(...events);
        return events.map((_, index) => results[index] ?? "stored");
      },
      newId,
      limits: LIMITS,
      ...ports,
    }),
  );
  return { ingest, cache, published };
}
const aBatch = (batch: unknown[], fields = {}) => aCall({ batch, ...fields }, { kind: "batch" });
const item = (id: string, fields = {}) => aDraft({ type: "track", messageId: id, ...fields });
const conflicting = (id: string) => item(id, { properties: { a: 1, A: 2 } });
const refused = (code: string, field?: string) => expect.objectContaining({ code, field });

describe("the order of answers", () => {
  test.each<[string, unknown]>([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["an event that is wrong", {}],
    ["too large", "x".repeat(200_000)],
  ])("an unknown key is 401 also when the body is %s", async (_, body) => {
    await expect(aPath().ingest(aCall(body, { key: "wk_other" }))).rejects.toEqual(refused("invalid_write_key"));
  });

  test("an unknown key is 401 also when the body was not read to its end", async () => {
    const body = new AppError("payload_too_large", "too large");
    await expect(aPath().ingest({ ...aCall(""), key: "wk_other", body })).rejects.toEqual(refused("invalid_write_key"));
    await expect(aPath().ingest({ ...aCall(""), body })).rejects.toEqual(refused("payload_too_large"));
  });

  test("no key anywhere is 401, whatever the body", async () => {
    for (const body of ["{", {}, aDraft(), aDraft({ writeKey: "id:***" })])
      await expect(aPath().ingest(aCall(body, { key: undefined }))).rejects.toEqual(refused("invalid_write_key"));
  });

  test("with a good key, what is wrong with the body as a whole is the answer", async () => {
    const { ingest } = aPath();
    await expect(ingest(aCall("{"))).rejects.toEqual(refused("invalid_json"));
    await expect(ingest(aCall("[]"))).rejects.toEqual(refused("validation_failed"));
    await expect(ingest(aCall("x".repeat(200_000)))).rejects.toEqual(refused("payload_too_large"));
    await expect(ingest(aCall("{}", { gzip: true }))).rejects.toEqual(refused("invalid_json"));
    await expect(ingest(aCall({ batch: {} }, { kind: "batch" }))).rejects.toEqual(
      refused("validation_failed", "batch"),
    );
  });

  test("a key in a readable body counts also when the body lacks its list of events", async () => {
    const { ingest } = aPath();
    const call = (writeKey: string) => aCall({ writeKey }, { kind: "batch", key: undefined });
    await expect(ingest(call("wk_test"))).rejects.toEqual(refused("validation_failed", "batch"));
    await expect(ingest(call("wk_other"))).rejects.toEqual(refused("invalid_write_key"));
  });

  test("the key in header or query goes before the key in the body", async () => {
    const { ingest, cache } = aPath();
    await ingest(aCall(aDraft({ writeKey: "wk_other" })));
    await ingest(aCall(aDraft({ writeKey: "wk_test", messageId: "m-2" }), { key: undefined }));
    expect(cache.asked.map(({ lookup }) => lookup)).toEqual(["#wk_test", "#wk_test"]);
  });

  test("a source that is switched off is 401 and says so; an unknown key is not repeated whole", async () => {
    await expect(aPath().ingest(aCall(aDraft(), { key: "wk_off" }))).rejects.toThrow(
      'The source "Shop" is switched off',
    );
    const error = await aPath()
      .ingest(aCall(aDraft(), { key: "wk_secret_secret" }))
      .catch(String);
    expect(error).not.toContain("secret_secret");
  });

  test("nothing is published, claimed or let go when the call is refused as a whole", async () => {
    const { ingest, cache, published } = aPath();
    await ingest(aCall("{")).catch(() => undefined);
    await ingest(aCall("{", { key: "wk_other" })).catch(() => undefined);
    expect({ published, settled: cache.settled, claims: cache.claims.size }).toEqual({
      published: [],
      settled: [],
      claims: 0,
    });
  });
});

describe("one event", () => {
  test("reaches the stream checked: flat, stamped, with its source", async () => {
    const { ingest, published } = aPath();
    const body = aDraft({
      properties: { Cart: { totalPrice: 5 } },
      timestamp: iso(NOW - HOUR),
      sentAt: iso(NOW - 60_000),
      writeKey: "x",
    });
    const { source, outcomes } = await ingest(
      aCall(gzipSync(JSON.stringify(body)), { gzip: true, body: gzipSync(JSON.stringify(body)) }),
    );
    expect(source.id).toBe(SOURCE);
    expect(outcomes).toMatchObject([{ messageId: "m-1", kind: "going" }]);
    expect(published).toMatchObject([
      {
        messageId: "m-1",
        event: "Order Completed",
        sourceId: SOURCE,
        receivedAt: NOW,
        timestamp: NOW - HOUR + 60_000,
        suspect: false,
      },
    ]);
    expect(published[0]?.properties).toEqual({ cart_total_price: 5 });
  });

  test("without a message id gets one of version 7, which is in the answer and on the stream", async () => {
    const { ingest, published } = aPath();
    for (const messageId of [undefined, null, ""]) {
      const { outcomes } = await ingest(aCall(aDraft({ messageId: messageId as null })));
      expect(outcomes[0]?.messageId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(published.at(-1)?.messageId).toBe(outcomes[0]?.messageId);
    }
    expect(new Set(published.map(({ messageId }) => messageId)).size).toBe(3);
  });

  test("takes its sentAt from the header when the body has none", async () => {
    const { ingest, published } = aPath();
    const sentAt = iso(NOW - HOUR);
    for (const own of [undefined, null])
      await ingest(aCall(aDraft({ sentAt: own as null, messageId: `h-${own}` }), { sentAt }));
    await ingest(aCall(aDraft({ messageId: "own" }), { sentAt }));
    expect(published.map((event) => event.sentAt)).toEqual([NOW - HOUR, NOW - HOUR, NOW - 1_000]);
  });

  test("that was stored before is a duplicate, and is not published again", async () => {
    const { ingest, published } = aPath();
    await ingest(aCall(aDraft()));
    const { outcomes } = await ingest(aCall(aDraft()));
    expect(outcomes).toEqual([{ messageId: "m-1", kind: "duplicate" }]);
    expect(published).toHaveLength(1);
  });

  test.each<[string, object, boolean]>([
    ["a clean claim and a fresh time", {}, false],
    ["no time of its own", { timestamp: null }, true],
    ["a time that cannot be read", { timestamp: "yesterday" }, true],
    ["a time of 22 h ago", { timestamp: iso(NOW - 22 * HOUR), sentAt: iso(NOW) }, false],
    ["a time of more than 23 h ago", { timestamp: iso(NOW - 23 * HOUR - 1), sentAt: iso(NOW) }, true],
    [
      "a time of a day ago on a clock that is ahead",
      { timestamp: iso(NOW - 22 * HOUR), sentAt: iso(NOW + 2 * HOUR) },
      true,
    ],
    ["a time of a year ago", { timestamp: iso(NOW - 365 * DAY), sentAt: iso(NOW) }, true],
  ])("with %s is suspect or not as the claim can vouch for it", async (_, fields, suspect) => {
    const { ingest, published } = aPath();
    await ingest(aCall(aDraft(fields as Record<string, null>)));
    expect(published[0]?.suspect).toBe(suspect);
  });

  test("whose claim is pending, or unknown to a cache that is away, is suspect", async () => {
    const { ingest, cache, published } = aPath();
    cache.claims.set("m-1", "pending");
    await ingest(aCall(aDraft()));
    const away = aPath([], {
      admit: async () => ({ source: aSource(), claims: [], rate: undefined, limited: undefined }),
    });
    await away.ingest(aCall(aDraft()));
    expect([published[0]?.suspect, away.published[0]?.suspect]).toEqual([true, true]);
  });
});

describe("a batch", () => {
  test("gives each event its own verdict, at its own place", async () => {
    const { ingest, cache, published } = aPath();
    cache.claims.set("seen", "confirmed");
    const events = [
      item("a"),
      null,
      { ...item("b"), event: 5 },
      item("seen"),
      conflicting("c"),
      { ...item("d"), messageId: {} },
      item("e"),
    ];
    const { outcomes } = await ingest(aBatch(events));
    expect(outcomes.map(({ messageId, kind }) => [messageId, kind])).toEqual([
      ["a", "going"],
      ["", "rejected"],
      ["b", "rejected"],
      ["seen", "duplicate"],
      ["c", "rejected"],
      ["", "rejected"],
      ["e", "going"],
    ]);
    expect(
      outcomes.map((outcome) => (outcome.kind === "rejected" ? [outcome.error.code, outcome.error.field] : [])),
    ).toEqual([
      [],
      ["validation_failed", "batch[1]"],
      ["validation_failed", "event"],
      [],
      ["flatten_conflict", "properties.a"],
      ["validation_failed", "messageId"],
      [],
    ]);
    expect(published.map(({ messageId }) => messageId)).toEqual(["a", "e"]);
  });

  test("claims only what was valid, in one trip, and settles all of it in one more", async () => {
    const { ingest, cache } = aPath();
    await ingest(aBatch([item("a"), { ...item("b"), event: 5 }, conflicting("c"), item("d")]));
    expect(cache.asked).toMatchObject([{ lookup: "#wk_test", ids: ["a", "c", "d"] }]);
    expect(cache.settled).toMatchObject([{ confirm: ["a", "d"], release: ["c"] }]);
  });

  test("that is empty is taken", async () => {
    expect((await aPath().ingest(aBatch([]))).outcomes).toEqual([]);
  });

  test("never lets the claim of a duplicate go", async () => {
    const { ingest, cache } = aPath();
    cache.claims.set("seen", "confirmed");
    await ingest(aBatch([item("seen"), conflicting("c")]));
    expect(cache.settled).toMatchObject([{ confirm: [], release: ["c"] }]);
    expect(cache.claims.get("seen")).toBe("confirmed");
  });
});

describe("when not all was stored", () => {
  test.each<[PutResult, "pending" | undefined]>([
    ["refused", undefined],
    ["unknown", "pending"],
  ])(
    "the answer is 503 with a time to come back; what is stored is confirmed, and the claim of what is %s is then %s",
    async (result, claim) => {
      const { ingest, cache } = aPath(["stored", result, "stored"]);
      const error = await ingest(aBatch([item("a"), item("b"), item("c")])).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "unavailable" });
      expect((error as AppError).retryAfterSeconds).toBeGreaterThanOrEqual(5);
      expect((error as AppError).retryAfterSeconds).toBeLessThanOrEqual(60);
      expect(Number.isInteger((error as AppError).retryAfterSeconds)).toBe(true);
      expect(Object.fromEntries(cache.claims)).toEqual({ a: "confirmed", ...(claim && { b: claim }), c: "confirmed" });
    },
  );

  test("the repeat of the call is taken: the stored are duplicates, the unknown is published as suspect", async () => {
    const results: PutResult[] = ["stored", "unknown"];
    const { ingest, published } = aPath(results);
    const call = aBatch([item("a"), item("b")]);
    await ingest(call).catch(() => undefined);
    results.length = 0;
    const { outcomes } = await ingest(call);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["duplicate", "going"]);
    expect(published.map(({ messageId, suspect }) => [messageId, suspect])).toEqual([
      ["a", false],
      ["b", false],
      ["b", true],
    ]);
  });
});

test("a fault of a port is no verdict: it goes on as it is", async () => {
  const fault = new TypeError("ours");
  const failing = aPath([], { admit: () => Promise.reject(fault) });
  await expect(failing.ingest(aCall(aDraft()))).rejects.toBe(fault);
});
