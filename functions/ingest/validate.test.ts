import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { type Draft, EVENT_TYPES, type JsonObject, type WireEvent } from "../event/event.ts";
import { WIRE } from "../event/wire.ts";
import { AppError } from "../kit/errors.ts";
import { anyJson } from "../testing/arbitraries.ts";
import { aDraft, iso, NOW } from "../testing/builders.ts";
import type { CallKind } from "./call.ts";
import { messageIdOf, validate } from "./validate.ts";

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const KINDS = [...EVENT_TYPES, "batch"] as const;

/** What `validate` says of a draft: the event, or the field it names. */
function verdict(draft: Draft, kind: CallKind) {
  try {
    return { event: validate(draft, kind, messageIdOf(draft) ?? "") };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe("validation_failed");
    return { field: error.field };
  }
}

/** zod leaves a key `__proto__` out where the hand-written check leaves that to `flatten`: both end without it. */
function withoutProto(event: WireEvent | undefined) {
  const bag = (from: JsonObject = {}) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => name !== "__proto__"));
  return { ...event, properties: bag(event?.properties), traits: bag(event?.traits), context: bag(event?.context) };
}

/** Every field that the schema finds wrong. A union stops at a wrong type: what else is wrong shows under a right one. */
function fieldsOf(error: z.ZodError, draft: Draft, kind: CallKind) {
  const more = kind === "batch" ? WIRE.batch.safeParse({ ...draft, type: "identify" }).error?.issues : [];
  return [...error.issues, ...(more ?? [])].map(({ path }) => path[0]);
}

const ids = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }) },
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, "", "x".repeat(512), "x".repeat(513), true, [], {}, Number.POSITIVE_INFINITY),
);
const names = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }) },
  fc.constantFrom(null, "", "x".repeat(255), "x".repeat(256), 1, false, [], {}),
);
const clocks = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(null, NOW, "Nov 18, 2021, 2:45:07 PM", "2026-11-21", "2026-11-21T10:00:00", "", {}),
  fc.constantFrom(
    "2026-11-21T10:00Z",
    "2026-11-21T10:00:00.123456789+01:00",
    "2026-11-21T10:00:00-0930",
    "0001-01-01T00:00:00Z",
  ),
  fc.constantFrom("2026-13-21T10:00:00Z", "2026-11-21T25:00:00Z", "9999-12-31T23:59:59Z", "2026-11-21t10:00:00z"),
);
const bags = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.string(), anyJson, { maxKeys: 3, noNullPrototype: true }) },
  fc.dictionary(fc.constantFrom("traits", "page", "constructor"), anyJson, { noNullPrototype: true }),
  fc.constantFrom(null, [], "text", 0, true, JSON.parse('{"__proto__":{"a":1},"b":2}')),
);
const types = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...EVENT_TYPES) },
  fc.constantFrom(null, "", "Track", "delete", 5, []),
);
const drafts = fc.record(
  {
    type: types,
    messageId: ids,
    userId: ids,
    anonymousId: ids,
    groupId: ids,
    previousId: ids,
    event: names,
    name: names,
    category: names,
    timestamp: clocks,
    originalTimestamp: clocks,
    sentAt: clocks,
    properties: bags,
    traits: bags,
    context: bags,
    integrations: anyJson,
    writeKey: anyJson,
    _metadata: anyJson,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Draft>;
/** A valid draft with one or two fields of a random one: what a schema and a hand-written check disagree about. */
const nearlyValid = fc
  .tuple(
    drafts,
    fc.subarray(Object.keys(aDraft({ type: 0, userId: 0, properties: 0, context: 0, traits: 0 })), { maxLength: 2 }),
  )
  .map(([draft, fields]) => ({
    ...aDraft({ type: "track", userId: "u", groupId: "g", previousId: "p" }),
    ...Object.fromEntries(fields.flatMap((field) => (field in draft ? [[field, draft[field] ?? null]] : []))),
  })) as fc.Arbitrary<Draft>;

test.each(KINDS)(
  "I-32 validate accepts of %s what the schema accepts, makes the same event of it, and names a field that the schema names",
  (kind) => {
    let [accepted, refused] = [0, 0];
    fc.assert(
      fc.property(fc.oneof(drafts, nearlyValid), (draft) => {
        const said = verdict(draft, kind);
        const oracle = WIRE[kind].safeParse(draft);
        if (oracle.success) {
          accepted++;
          expect(withoutProto(said.event)).toStrictEqual(withoutProto(oracle.data));
        } else {
          refused++;
          expect(fieldsOf(oracle.error, draft, kind)).toContain(said.field);
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(accepted, refused), "both sides of the rules were met").toBeGreaterThan(10);
  },
);

test("each schema can be written as JSON Schema with a sentence for every field that is read", () => {
  for (const kind of KINDS) {
    const schema = z.toJSONSchema(WIRE[kind], { io: "input" });
    const bodies = (schema.oneOf ?? [schema]) as { properties: Record<string, { description?: string }> }[];
    for (const { properties } of bodies)
      for (const field of ["messageId", "userId", "timestamp", "properties", "context"])
        expect(properties[field]?.description, `${kind}.${field}`).toMatch(/\w{3}/);
  }
});

describe("a call", () => {
  test.each<[CallKind, Draft, string]>([
    ["track", { anonymousId: "a" }, "event"],
    ["track", { event: "", anonymousId: "a" }, "event"],
    ["track", { event: "x".repeat(256), anonymousId: "a" }, "event"],
    ["track", { event: "E" }, "userId"],
    ["track", { event: "E", userId: null, anonymousId: "" }, "userId"],
    ["track", { event: "E", userId: "x".repeat(513) }, "userId"],
    ["track", { event: "E", anonymousId: { id: 1 } }, "anonymousId"],
    ["identify", { userId: "u", traits: ["a"] }, "traits"],
    ["page", { userId: "u", properties: "p" }, "properties"],
    ["page", { userId: "u", name: 5 }, "name"],
    ["screen", { userId: "u", category: "x".repeat(256) }, "category"],
    ["group", { userId: "u" }, "groupId"],
    ["alias", { userId: "u" }, "previousId"],
    ["alias", { userId: "u", context: 1, previousId: "p" }, "context"],
    ["batch", { type: "delete", userId: "u" }, "type"],
    ["batch", { userId: "u" }, "type"],
  ])("of kind %s with %j is refused at %s", (kind, draft, field) => {
    expect(verdict(draft, kind)).toEqual({ field });
  });

  test("keeps ids of 512 characters and names of 255", () => {
    const draft = { event: "x".repeat(255), userId: "u".repeat(512), name: "n".repeat(255) };
    expect(verdict(draft, "track").event).toMatchObject({ event: draft.event, userId: draft.userId, name: draft.name });
  });

  test("may carry numbers as ids: they become text", () => {
    expect(verdict({ event: "E", userId: 42, anonymousId: 0, messageId: 7 }, "track").event).toMatchObject({
      userId: "42",
      anonymousId: "0",
      messageId: "7",
    });
  });

  test("is of the kind that its path says, whatever its body's type says", () => {
    expect(verdict({ type: "identify", event: "E", userId: "u" }, "track").event?.type).toBe("track");
    expect(verdict({ type: "identify", userId: "u" }, "batch").event?.type).toBe("identify");
  });

  test("with a time that is not ISO 8601 counts as without one, and is not refused", () => {
    for (const timestamp of ["Nov 18, 2021, 2:45:07 PM", "2026-11-21", 1_795_226_235, {}, "2026-13-01T00:00:00Z"])
      expect(verdict({ event: "E", userId: "u", timestamp }, "track").event).toMatchObject({
        originalTimestamp: undefined,
      });
  });

  test("takes its time from timestamp, else from originalTimestamp", () => {
    const [first, second] = [iso(NOW - 5), iso(NOW - 9)];
    const of = (fields: Draft) => verdict({ event: "E", userId: "u", ...fields }, "track").event?.originalTimestamp;
    expect(of({ timestamp: first, originalTimestamp: second })).toBe(NOW - 5);
    expect(of({ timestamp: "yesterday", originalTimestamp: second })).toBe(NOW - 9);
    expect(of({ timestamp: "2026-11-21T13:00:00.5+01:00" })).toBe(NOW + 500);
  });

  test("keeps a time that the table cannot hold at the table's edge", () => {
    const of = (timestamp: string) => verdict({ event: "E", userId: "u", timestamp }, "track").event?.originalTimestamp;
    expect(of("0001-01-01T00:00:00Z")).toBe(Date.UTC(1900, 0, 1));
    expect(of("9999-01-01T00:00:00Z")).toBe(Date.UTC(2299, 11, 31));
  });

  test("of kind identify takes traits from context.traits too, and its own win; other calls do not", () => {
    const draft = { event: "E", userId: "u", traits: { plan: "pro" }, context: { traits: { plan: "free", age: 3 } } };
    expect(verdict(draft, "identify").event?.traits).toEqual({ plan: "pro", age: 3 });
    expect(verdict(draft, "track").event?.traits).toEqual({ plan: "pro" });
  });

  test("leaves behind what is no field of an event", () => {
    const event = verdict(
      { event: "E", userId: "u", writeKey: "wk", integrations: {}, _metadata: {}, extra: 1 },
      "track",
    ).event;
    expect(Object.keys(event ?? {})).not.toEqual(expect.arrayContaining(["writeKey"]));
    expect(Object.keys(event ?? {}).sort()).toEqual(
      Object.keys({ ...verdict({ event: "E", userId: "u" }, "track").event }).sort(),
    );
  });
});

test("a time is read the same whichever way is taken: by its digits, or by pattern and Date.parse", () => {
  const times = fc.oneof(
    fc
      .date({ min: new Date(Date.UTC(1900, 0, 1)), max: new Date(Date.UTC(2299, 11, 30)), noInvalidDate: true })
      .map((date) => date.toISOString()),
    // Almost times: one character of a good one replaced.
    fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom("9", "0", "3", "x", " ", "-", "+", "٣"))
      .map(([at, character]) => {
        const good = "2026-02-28T23:59:59.999Z";
        return good.slice(0, at) + character + good.slice(at + 1);
      }),
  );
  fc.assert(
    fc.property(times, (time) => {
      const read = validate(aDraft({ timestamp: time }), "track", "m").originalTimestamp;
      // The same instant with its zone written out takes the slow way.
      const slow = validate(aDraft({ timestamp: time.replace(/Z$/, "+00:00") }), "track", "m").originalTimestamp;
      expect(read).toBe(slow);
    }),
    { numRuns: 2_000 },
  );
});
