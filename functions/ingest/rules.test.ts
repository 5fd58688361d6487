import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../event/event.ts";
import { createHashOfAddress } from "../kit/address-hash.ts";
import { AppError } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import type { Source } from "../registry/source.ts";
import { aCall, aClient, aDraft, aSource, DAY, HOUR, iso, NOW, WORKSPACE } from "../testing/builders.ts";
import { aCache, aDeadLetterQueue, aPublish, aRegistry, ingestPorts } from "../testing/fakes.ts";
import { umami } from "./dialects/umami.ts";
import { webhook } from "./dialects/webhook.ts";
import { createIngest, RefusedCall } from "./ingest.ts";
import type { Admit, CheckPlan, IngestPorts } from "./ports.ts";
import type { LiveEntry } from "./report.ts";

log.level = "silent";

/** The path for one source, over fakes whose insides can be seen. */
function aPath(source: Partial<Source> = {}, ports: Partial<IngestPorts> = {}) {
  const cache = aCache({
    "#wk_test": aSource(source),
    "site:w": aSource(source),
    "domain:shop.example": aSource(source),
  });
  const queue = aDeadLetterQueue();
  const registry = aRegistry();
  const { publish, published } = aPublish();
  const ingest = createIngest(
    ingestPorts({
      ...cache,
      reject: queue.reject,
      schemas: registry.schemas,
      publish,
      ...ports,
    }),
  );
  return { ingest, cache, queue, registry, published };
}
const aBatch = (...batch: unknown[]) => aCall({ batch }, { kind: "batch" });
const item = (messageId: string, fields: JsonObject = {}) => aDraft({ type: "track", messageId, ...fields });
const kinds = (outcomes: readonly { kind: string }[]) => outcomes.map(({ kind }) => kind);
const live = ({ settled }: ReturnType<typeof aCache>) => JSON.parse(settled.at(-1)?.report.live ?? "null") as LiveEntry;
const WITH_PLAN = { rules: { version: 1, plan: true, suppressed: false } };
const WITH_LIST = { rules: { version: 1, plan: false, suppressed: true } };
const plan = { mode: "block" as const, unplanned: "allow" as const, events: [] };

describe("I-07 a request beyond its rate", () => {
  const limited =
    (met: "requests" | "events"): Admit =>
    async () => ({
      source: aSource({ limits: { windowRequestsMax: 500, dayEventsMax: 1_000_000, own: false } }),
      claims: [],
      rate: { limit: 500, remaining: 0, resetSeconds: 3, windowSeconds: 5 },
      limited: met,
    });

  test.each(["requests", "events"] as const)(
    "of %s is refused whole, with what is left and when to come back",
    async (met) => {
      const { ingest, published, cache } = aPath({}, { admit: limited(met) });
      const refused = await ingest(aBatch(item("a"))).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(RefusedCall);
      expect(refused).toMatchObject({
        code: "rate_limited",
        rate: { remaining: 0 },
        source: { workspaceId: WORKSPACE },
      });
      const { retryAfterSeconds = 0 } = refused as RefusedCall;
      // S-3: an integer of 5 to 60 s.
      expect(Number.isInteger(retryAfterSeconds) && retryAfterSeconds >= 5 && retryAfterSeconds <= 60).toBe(true);
      expect([published, cache.settled]).toEqual([[], []]);
    },
  );

  test("C-01 what is wrong with the body as a whole answers first, what is wrong with one event after", async () => {
    const { ingest } = aPath({}, { admit: limited("requests") });
    await expect(ingest(aCall("{"))).rejects.toMatchObject({ code: "invalid_json" });
    await expect(ingest(aCall(aDraft({ event: 5 })))).rejects.toMatchObject({ code: "rate_limited" });
  });
});

describe("I-09 a late event", () => {
  const old = { sentAt: iso(NOW - 25 * HOUR), timestamp: iso(NOW - 25 * HOUR) };

  test("is refused, kept with the dead letters, and its id is free again", async () => {
    const { ingest, queue, cache } = aPath();
    const { outcomes } = await ingest(aBatch(item("a", old), item("b")));
    expect(kinds(outcomes)).toEqual(["rejected", "going"]);
    expect(queue.letters).toMatchObject([{ messageId: "a", code: "late_event", stage: "late", field: "sentAt" }]);
    expect(cache.settled).toMatchObject([{ confirm: ["b"], release: ["a"] }]);
  });

  test("is taken where its source says so", async () => {
    const { ingest } = aPath({ lateCheck: false });
    expect(kinds((await ingest(aCall(aDraft(old)))).outcomes)).toEqual(["going"]);
  });

  test("is late also when it was stored before: late answers before duplicate", async () => {
    const { ingest, cache } = aPath();
    cache.claims.set("m-1", "confirmed");
    expect(kinds((await ingest(aCall(aDraft(old)))).outcomes)).toEqual(["rejected"]);
    expect(cache.claims.get("m-1")).toBe("confirmed");
  });

  test("K-32 of an import is never late: imports are of the past", async () => {
    const { ingest, published, cache } = aPath();
    await ingest(aCall([item("a", old), item("b")], { kind: "import", bucket: "dedup:import" }));
    expect(published).toMatchObject([
      { messageId: "a", suspect: true },
      { messageId: "b", suspect: true },
    ]);
    expect(cache.asked).toMatchObject([{ bucket: "dedup:import" }]);
    // What is young is a duplicate for live calls too; what is old they look up anyhow.
    expect(cache.settled).toMatchObject([{ bucket: "dedup:import", confirm: ["a", "b"], confirmLive: ["b"] }]);
  });
});

test("I-10 an event of today that was imported is a duplicate for live calls: the store looks for no clean one", async () => {
  const { ingest, cache } = aPath();
  await ingest(aCall([item("a")], { kind: "import", bucket: "dedup:import" }));
  await ingest(aCall(item("b")));
  expect(cache.settled).toMatchObject([
    { confirm: ["a"], confirmLive: ["a"] },
    { confirm: ["b"], confirmLive: [] },
  ]);
});

describe("I-16 a refused event", () => {
  test("is kept with no more of its address than its source or its client allows", async () => {
    const { ingest, queue } = aPath({ address: "truncate" });
    const sent = (ip: Json) => aDraft({ event: 5, context: { ip, a: 1 } });
    const client = aClient({ addressPolicy: "drop" });
    for (const call of [
      aCall(sent("203.0.113.77")),
      aCall(sent(["203.0.113.77"])),
      aCall(sent("203.0.113.77"), { client }),
    ])
      await ingest(call);
    expect(queue.letters.map(({ payload }) => JSON.parse(payload).context)).toEqual([
      { ip: "203.0.113.0", a: 1 },
      { a: 1 },
      { a: 1 },
    ]);
  });

  test("is kept as it was sent, with its type, and without its key", async () => {
    const { ingest, queue } = aPath();
    const sent = { ...aDraft({ event: 5, writeKey: "wk_test", context: { ip: "203.0.113.77", a: 1 } }), extra: "kept" };
    await ingest(aCall(sent));
    const [letter] = queue.letters;
    expect(letter).toMatchObject({
      workspaceId: WORKSPACE,
      type: "track",
      stage: "validate",
      code: "validation_failed",
      field: "event",
      attempt: 1,
      replayId: "",
      trace: "request-1",
      receivedAt: NOW,
      payloadKind: "event",
    });
    expect(JSON.parse(letter?.payload ?? "")).toEqual({
      ...aDraft({ event: 5 }),
      type: "track",
      extra: "kept",
      context: { ip: "203.0.113.0", a: 1 },
    });
  });

  test("F7 one of a hundred leaves the other 99 as they are", async () => {
    const { ingest, queue, published } = aPath();
    const batch = Array.from({ length: 100 }, (_, n) => item(`m-${n}`, n === 40 ? { properties: { a: 1, A: 2 } } : {}));
    const { outcomes } = await ingest(aBatch(...batch));
    expect(outcomes.findIndex(({ kind }) => kind === "rejected")).toBe(40);
    expect(published).toHaveLength(99);
    expect(queue.letters).toMatchObject([{ messageId: "m-40", code: "flatten_conflict", field: "properties.a" }]);
  });

  test("P-20 of an item that is too large or no object is kept too", async () => {
    const { ingest, queue } = aPath();
    const large = item("large", { properties: { text: "x".repeat(110_000) } });
    const { outcomes } = await ingest(aBatch(large, 5, item("a")));
    expect(kinds(outcomes)).toEqual(["rejected", "rejected", "going"]);
    expect(queue.letters.map(({ code, stage, payload }) => [code, stage, payload.length > 100_000 || payload])).toEqual(
      [
        ["payload_too_large", "parse", true],
        ["validation_failed", "parse", "5"],
      ],
    );
  });

  test("of a queue that is away makes the whole call repeat: its answer alone is no record", async () => {
    const { ingest, queue, cache } = aPath();
    queue.state.away = true;
    await expect(ingest(aBatch(item("a", { event: "" }), item("b")))).rejects.toMatchObject({ code: "unavailable" });
    expect(cache.settled).toMatchObject([{ confirm: ["b"] }]);
    queue.state.away = false;
    const { outcomes } = await ingest(aBatch(item("a", { event: "" }), item("b")));
    expect(kinds(outcomes)).toEqual(["rejected", "duplicate"]);
    expect(queue.letters).toHaveLength(1);
  });

  test("burns nothing: of an id that a batch repeats, the first good event is taken", async () => {
    const { ingest, published, cache } = aPath();
    const { outcomes } = await ingest(
      aBatch(item("a", { properties: { x: 1, X: 2 } }), item("a", { event: "Good" }), item("a", { event: "Again" })),
    );
    expect(kinds(outcomes)).toEqual(["rejected", "going", "duplicate"]);
    expect(published).toMatchObject([{ event: "Good" }]);
    expect(cache.claims.get("a")).toBe("confirmed");
  });
});

describe("B-11 a tracking plan", () => {
  const checks = (mode: "warn" | "block" | "quarantine"): Partial<IngestPorts> => ({
    rulesOf: () => ({ plan, suppressed: new Set() }),
    checkPlan: (): CheckPlan => (_type, event) =>
      event === "Unplanned" ? { mode, field: "properties.price", message: "price is missing" } : undefined,
  });
  const broken = (id: string) => item(id, { event: "Unplanned" });

  test("that blocks refuses the event and keeps it with the dead letters", async () => {
    const { ingest, queue, published, registry } = aPath(WITH_PLAN, checks("block"));
    const { outcomes } = await ingest(aBatch(broken("a"), item("b", { properties: { x: 1 } })));
    expect(outcomes).toMatchObject([
      { kind: "rejected", error: { code: "plan_violation", field: "properties.price" } },
      { kind: "going" },
    ]);
    expect(published).toMatchObject([{ messageId: "b", warnings: ["not_learned"] }]);
    expect(queue.letters).toMatchObject([{ messageId: "a", stage: "plan", code: "plan_violation" }]);
    expect(registry.learned).toEqual([]);
  });

  test("13f that quarantines takes the event, keeps it with the dead letters, and a repeat is a duplicate", async () => {
    const { ingest, queue, published } = aPath(WITH_PLAN, checks("quarantine"));
    expect(kinds((await ingest(aCall(broken("a")))).outcomes)).toEqual(["quarantined"]);
    expect([published, queue.letters]).toMatchObject([[], [{ messageId: "a", code: "plan_violation" }]]);
    expect(kinds((await ingest(aCall(broken("a")))).outcomes)).toEqual(["duplicate"]);
    expect(queue.letters).toHaveLength(1);
  });

  test("13f that quarantines while the dead letters are away takes nothing", async () => {
    const { ingest, queue } = aPath(WITH_PLAN, checks("quarantine"));
    queue.state.away = true;
    await expect(ingest(aCall(broken("a")))).rejects.toMatchObject({ code: "unavailable" });
    queue.state.away = false;
    expect(kinds((await ingest(aCall(broken("a")))).outcomes)).toEqual(["quarantined"]);
  });

  test("that cannot be read refuses nobody: what it should have judged is stored with a warning", async () => {
    const checkPlan = (): CheckPlan => (_type, event) => {
      if (event === "Unplanned") throw new AppError("validation_failed", "no schema");
      return undefined;
    };
    const { ingest, published } = aPath(WITH_PLAN, { ...checks("block"), checkPlan });
    expect(kinds((await ingest(aBatch(broken("a"), item("b")))).outcomes)).toEqual(["going", "going"]);
    expect(published).toMatchObject([{ warnings: ["schema_unchecked"] }, { messageId: "b", warnings: [] }]);
  });

  test("that warns stores the event with a warning", async () => {
    const { ingest, published } = aPath(WITH_PLAN, checks("warn"));
    await ingest(aCall(broken("a")));
    expect(published).toMatchObject([{ warnings: ["plan_violation"] }]);
  });

  test("sees the event as it was sent, not as it is stored", async () => {
    const seen: JsonObject[] = [];
    const { ingest } = aPath(WITH_PLAN, {
      rulesOf: () => ({ plan: { ...plan, mode: "warn" }, suppressed: new Set() }),
      checkPlan: () => (_type, _event, bag) => void seen.push(bag) as undefined,
    });
    await ingest(aCall(aDraft({ properties: { orderId: { inner: 1 } } })));
    await ingest(aCall(aDraft({ messageId: "m-2", traits: { planName: 1 } }), { kind: "identify" }));
    expect(seen).toEqual([{ orderId: { inner: 1 } }, { planName: 1 }]);
  });

  test("costs nothing where there is none", async () => {
    const { ingest } = aPath({}, { rulesOf: () => expect.unreachable("nobody asked for rules") });
    await ingest(aCall(aDraft()));
  });
});

describe("13f a suppressed person's event", () => {
  const list: Partial<IngestPorts> = { rulesOf: () => ({ plan: null, suppressed: new Set([`${WORKSPACE}:u1`]) }) };

  test("is a success to its client, counted, and stored nowhere", async () => {
    const { ingest, published, cache, queue } = aPath(WITH_LIST, list);
    const { outcomes } = await ingest(aBatch(item("a", { userId: "u1" }), item("b", { anonymousId: "u1" }), item("c")));
    expect(kinds(outcomes)).toEqual(["suppressed", "suppressed", "going"]);
    expect(published.map(({ messageId }) => messageId)).toEqual(["c"]);
    expect(queue.letters).toEqual([]);
    expect(cache.settled[0]?.report.counts).toEqual({ suppressed: 2, accepted: 1 });
  });

  test("is not kept with the dead letters either, whatever is wrong with it", async () => {
    const { ingest, queue } = aPath(WITH_LIST, list);
    const { outcomes } = await ingest(aBatch(item("a", { userId: "u1", event: "" }), item("b", { event: "" })));
    expect(kinds(outcomes)).toEqual(["rejected", "rejected"]);
    expect(queue.letters.map(({ messageId }) => messageId)).toEqual(["b"]);
  });

  test("is also an alias of whom they were before", async () => {
    const { ingest, published } = aPath(WITH_LIST, {
      hashOfPerson: (_, id) => id,
      rulesOf: () => ({ plan: null, suppressed: new Set(["old"]) }),
    });
    const alias = (previousId: string) => aDraft({ messageId: previousId, userId: "new", previousId });
    expect(kinds((await ingest(aCall(alias("old"), { kind: "alias" }))).outcomes)).toEqual(["suppressed"]);
    expect(kinds((await ingest(aCall(alias("older"), { kind: "alias" }))).outcomes)).toEqual(["going"]);
    expect(published.map(({ previousId }) => previousId)).toEqual(["older"]);
  });

  test("is not stored by accident while the list cannot be read", async () => {
    const { ingest, published } = aPath(WITH_LIST, {
      rulesOf: () => Promise.reject(new AppError("unavailable", "the list cannot be read")),
    });
    await expect(ingest(aCall(aDraft({ userId: "u1" })))).rejects.toMatchObject({ code: "unavailable" });
    expect(published).toEqual([]);
  });
});

describe("E6 a source with a list of pages", () => {
  const source = { origins: ["https://shop.example"] };
  const from = (origin: string | undefined) => aCall(aDraft(), { client: aClient({ origin, device: true }) });

  test("takes events from those pages and from servers, and from no other page", async () => {
    for (const origin of ["https://shop.example", undefined])
      expect(kinds((await aPath(source).ingest(from(origin))).outcomes)).toEqual(["going"]);
    for (const origin of ["https://evil.example", "http://shop.example", "null"])
      await expect(aPath(source).ingest(from(origin))).rejects.toMatchObject({ code: "forbidden", field: "Origin" });
  });
});

describe("S-6 a source without a key", () => {
  test("is found by the site or the domain that the body names, else by the page's", async () => {
    const body = { type: "event", payload: { website: "w", name: "E" } };
    const foreign = { kind: "foreign", key: undefined, dialect: umami } as const;
    const { ingest, cache } = aPath();
    await ingest(aCall(body, foreign));
    await ingest(aCall(aDraft(), { key: undefined, domain: "shop.example" }));
    expect(cache.asked.map(({ lookup }) => lookup)).toEqual(["site:w", "domain:shop.example"]);
  });

  test("is not looked for by a name longer than any, which would only fill what remembers it", async () => {
    const payload = { website: "w".repeat(90_000), name: "E" };
    const { ingest, cache } = aPath();
    await expect(
      ingest(aCall({ type: "event", payload }, { kind: "foreign", key: undefined, dialect: umami })),
    ).rejects.toMatchObject({ code: "invalid_write_key" });
    expect(cache.asked[0]?.lookup).toHaveLength("site:".length + 254);
  });

  test("P-13 that nobody has is told what was looked up", async () => {
    const { ingest } = aPath();
    await expect(ingest(aCall(aDraft(), { key: undefined, domain: "other.example" }))).rejects.toMatchObject({
      code: "invalid_write_key",
      message: expect.stringContaining("other.example"),
    });
  });

  test("tells visitors apart by address and agent, for a day, and never by more", async () => {
    let made = 0;
    const hashOfAddress = createHashOfAddress("a key for tests only");
    const { ingest, published } = aPath({}, { hashOfAddress, newId: () => `m-${++made}` });
    const visit = (userAgent: string, receivedAt = NOW) =>
      ingest(
        aCall(
          { type: "event", payload: { website: "w", name: "E" } },
          { kind: "foreign", key: undefined, dialect: umami, client: aClient({ userAgent }), receivedAt },
        ),
      );
    await visit("one");
    await visit("one", NOW + HOUR);
    await visit("two");
    await visit("one", NOW + DAY);
    const [one, again, two, tomorrow] = published.map(({ anonymousId }) => anonymousId);
    expect(one).toMatch(/^visitor_[0-9a-f]{32}$/);
    expect(again).toBe(one);
    expect(new Set([one, two, tomorrow]).size).toBe(3);
  });
});

test("B-25 a webhook is read by its source's mapping", async () => {
  const { ingest, published, cache } = aPath({ webhook: { event: "kind", userId: "who" } });
  await ingest(aCall({ kind: "Paid", who: 7 }, { kind: "foreign", dialect: webhook }));
  expect(published).toMatchObject([{ event: "Paid", userId: "7" }]);
  // Asking for the mapping is no request of its own: its rate is counted once.
  expect(cache.asked.map(({ ids, uncounted }) => [ids.length, uncounted])).toEqual([
    [0, true],
    [1, false],
  ]);
});

describe("C-03 INGEST_ACK=async", () => {
  test("answers before the stream has the events, and what goes on is held", async () => {
    const held: Promise<unknown>[] = [];
    const { promise, resolve } = Promise.withResolvers<"stored"[]>();
    const { ingest, cache } = aPath(
      {},
      { ack: "async", background: (work) => held.push(work), publish: () => promise },
    );
    expect(kinds((await ingest(aCall(aDraft()))).outcomes)).toEqual(["going"]);
    expect(cache.settled).toEqual([]);
    resolve(["stored"]);
    await Promise.all(held);
    expect(cache.settled).toMatchObject([{ confirm: ["m-1"] }]);
  });
});

describe("B-03 B-06 what a request came to", () => {
  test("is counted by outcome, code and warning, and shown event by event", async () => {
    const { ingest, cache } = aPath();
    cache.claims.set("d", "confirmed");
    await ingest(aBatch(item("a", { timestamp: "yesterday" }), item("d"), item("r", { event: "" })));
    expect(cache.settled[0]?.report.counts).toEqual({
      accepted: 1,
      "warning:bad_timestamp": 1,
      duplicate: 1,
      rejected: 1,
      "rejected:validation_failed": 1,
    });
    expect(live(cache)).toEqual({
      at: NOW,
      request_id: "request-1",
      call: "batch",
      events: [
        { id: "a", type: "track", event: "Order Completed", outcome: "accepted", warnings: ["bad_timestamp"] },
        { id: "d", type: "track", event: "Order Completed", outcome: "duplicate" },
        {
          id: "r",
          type: "track",
          event: "",
          outcome: "rejected",
          code: "validation_failed",
          field: "event",
          message: expect.any(String),
        },
      ],
    });
  });

  test("holds so much of a request, whatever names its events have: a thousand of them lie in the cache", async () => {
    const { ingest, cache } = aPath();
    const named = (n: number) => item(`${n}`.padEnd(500, "i"), { event: "e".repeat(250), userId: n % 2 ? "u" : "" });
    await ingest(aBatch(...Array.from({ length: 100 }, (_, n) => named(n))));
    const { events, more = 0 } = live(cache);
    expect(events.length).toBeGreaterThan(20);
    expect(events.length + more).toBe(100);
    expect(JSON.stringify(events).length).toBeLessThan(24_000);
  });

  test("of a large batch shows all that were refused, then all that are known, then others, in their order, and how many more there were", async () => {
    const { ingest, cache } = aPath();
    const ids = Array.from({ length: 300 }, (_, n) => `m-${n}`.padEnd(50, "i"));
    for (const id of ids.slice(250, 280)) cache.claims.set(id, "confirmed");
    await ingest(aBatch(...ids.map((id, n) => item(id, n > 280 ? { event: "" } : {}))));
    const { events, more = 0 } = live(cache);
    const shown = (outcome: string) => events.filter((event) => event.outcome === outcome).map(({ id }) => id);
    expect(shown("rejected")).toEqual(ids.slice(281));
    expect(shown("duplicate")).toEqual(ids.slice(250, 280));
    expect(shown("accepted")).toEqual(ids.slice(0, shown("accepted").length));
    expect(shown("accepted").length).toBeGreaterThan(20);
    expect(events.map(({ id }) => id)).toEqual([...shown("accepted"), ...ids.slice(250, 280), ...ids.slice(281)]);
    expect(events.length + more).toBe(300);
  });

  test("of a busy source is counted and not shown, unless something else than taking it came of it", async () => {
    const { ingest, cache } = aPath({}, { isShown: () => false });
    await ingest(aCall(aDraft()));
    expect(cache.settled[0]?.report).toEqual({ counts: { accepted: 1 }, live: undefined });
    await ingest(aCall(aDraft()));
    expect(live(cache).events).toMatchObject([{ outcome: "duplicate" }]);
  });
});

describe("S-13 B-06 what is odd about an event", () => {
  test.each<[string, JsonObject, string[]]>([
    ["a date that is none", { timestamp: "Nov 18, 2021, 2:45:07 PM" }, ["bad_timestamp"]],
    ["the 30th of February", { timestamp: "2026-02-30T10:00:00Z" }, ["bad_timestamp"]],
    ["a sentAt that is none", { sentAt: "now" }, ["bad_sent_at"]],
    ["a clock that is ahead", { sentAt: iso(NOW + HOUR), timestamp: iso(NOW + HOUR) }, ["clock_skew"]],
    ["a time before 2000", { timestamp: iso(Date.UTC(1990, 0, 1)), sentAt: null }, ["timestamp_replaced"]],
    ["a time two days ahead", { timestamp: iso(NOW + 2 * DAY), sentAt: null }, ["timestamp_replaced"]],
    ["a text with U+0000", { event: "Order\u0000Completed" }, ["text_cleaned"]],
    ["nothing", {}, []],
  ])("(%s) is a warning on it, and it is stored", async (_, fields, warnings) => {
    const { ingest, published } = aPath();
    const { outcomes } = await ingest(aCall(aDraft(fields)));
    expect(kinds(outcomes)).toEqual(["going"]);
    expect(published[0]?.warnings).toEqual(warnings);
  });
});
