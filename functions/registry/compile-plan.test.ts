import { describe, expect, test, vi } from "vitest";
import type { JsonObject } from "../event/event.ts";
import { compilePlan, createCheckPlan, violationsOf } from "./compile-plan.ts";
import type { PlannedEvent, TrackingPlan } from "./tracking-plan.ts";

// What a pattern may cost is much on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const anEvent = (schema: PlannedEvent["schema"], fields: Partial<PlannedEvent> = {}): PlannedEvent => ({
  type: "track",
  event: "Order Completed",
  schema,
  ...fields,
});
const aPlan = (events: PlannedEvent[], fields: Partial<TrackingPlan> = {}): TrackingPlan => ({
  mode: "block",
  unplanned: "allow",
  events,
  ...fields,
});
/** What a plan of one event says of its bag. */
const said = (schema: PlannedEvent["schema"], bag: JsonObject, type = "track") =>
  compilePlan(aPlan([anEvent(schema, { type })]))(type, "Order Completed", bag);

const ORDER = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "https://shop.example/order.json",
  title: "An order",
  type: "object",
  properties: {
    total: { type: "number", minimum: 0, multipleOf: 0.01 },
    currency: { enum: ["EUR", "USD", 7, null] },
    email: { type: ["string", "null"], format: "email" },
    id: { type: "string", pattern: "^o-[0-9]{4,}$" },
    items: { type: "array", minItems: 1, items: { type: "object", required: ["sku"] } },
    at: { type: "string", format: "date-time" },
    address: { type: "object", properties: { "post/code~": { type: "string", maxLength: 5 } } },
  },
  required: ["total"],
  additionalProperties: false,
};

describe("an event", () => {
  test.each<[JsonObject, string | undefined, string?]>([
    [{ total: 10 }, undefined],
    [{ total: 10.25, currency: "EUR", email: null, id: "o-1234", items: [{ sku: "a" }] }, undefined],
    [{ total: 1, currency: 7 }, undefined],
    [{ total: 1, currency: null }, undefined],
    [{ total: 1, at: "2026-11-21T12:00:00Z", address: { "post/code~": "12345" } }, undefined],
    [{}, "properties.total", "properties.total is required by the tracking plan."],
    [{ total: "10" }, "properties.total", "properties.total must be number."],
    [{ total: -1 }, "properties.total"],
    [{ total: 1, currency: "GBP" }, "properties.currency", "properties.currency must be one of the allowed values."],
    [{ total: 1, email: "nobody" }, "properties.email"],
    [{ total: 1, id: "o-12" }, "properties.id"],
    [{ total: 1, items: [] }, "properties.items"],
    [{ total: 1, items: [{ sku: 1 }, {}] }, "properties.items.1.sku"],
    [{ total: 1, at: "yesterday" }, "properties.at"],
    [{ total: 1, address: { "post/code~": "123456" } }, "properties.address.post/code~"],
    [{ total: 1, surprise: true }, "properties.surprise", "properties.surprise is not in the tracking plan."],
  ])("%j breaks the plan at %s", (bag, field, message) => {
    const violation = said(ORDER, bag);
    expect(violation?.field).toBe(field);
    if (message) expect(violation).toEqual({ mode: "block", field, message });
  });

  test.each([
    ["identify", "traits.plan"],
    ["group", "traits.plan"],
    ["page", "properties.plan"],
    ["screen", "properties.plan"],
  ])("of type %s is held to its %s", (type, field) => {
    expect(said({ required: ["plan"] }, {}, type)?.field).toBe(field);
  });
});

describe("the mode", () => {
  const broken = { required: ["total"] };
  test.each<[name: string, TrackingPlan, mode: string | undefined]>([
    ["is the plan's", aPlan([anEvent(broken)], { mode: "warn" }), "warn"],
    ["is the event's own before it", aPlan([anEvent(broken, { mode: "quarantine" })], { mode: "warn" }), "quarantine"],
    ["allow checks nothing", aPlan([anEvent(broken, { mode: "allow" })]), undefined],
    ["allow of the plan checks nothing", aPlan([anEvent(broken)], { mode: "allow" }), undefined],
    ["of an event holds where the plan allows", aPlan([anEvent(broken, { mode: "warn" })], { mode: "allow" }), "warn"],
    ["of an unplanned event is unplanned's", aPlan([], { unplanned: "quarantine" }), "quarantine"],
    ["of an unplanned event may be to allow it", aPlan([], { unplanned: "allow" }), undefined],
  ])("%s", (_, plan, mode) => {
    expect(compilePlan(plan)("track", "Order Completed", {})?.mode).toBe(mode);
  });

  test("of an unplanned event is about track events: a call without a name cannot be forgotten", () => {
    const check = compilePlan(aPlan([], { unplanned: "block" }));
    expect(check("track", "Typo", {})).toEqual({
      mode: "block",
      field: "event",
      message: 'The tracking plan does not name the event "Typo".',
    });
    for (const type of ["identify", "page", "screen", "group", "alias"]) expect(check(type, "", {})).toBeUndefined();
  });
});

test("a plan is compiled once for as long as it is the same object", () => {
  const checkPlan = createCheckPlan();
  const plan = aPlan([anEvent(ORDER)]);
  expect(checkPlan(plan)).toBe(checkPlan(plan));
  expect(checkPlan({ ...plan })).not.toBe(checkPlan(plan));
});

test("trying a plan out tells all that is wrong, a hundred things at most", () => {
  expect(violationsOf(anEvent(ORDER), { total: "1", currency: "GBP" }).map(({ field }) => field)).toEqual([
    "properties.total",
    "properties.currency",
  ]);
  const many = violationsOf(anEvent({ properties: { a: { items: { type: "string" } } } }), { a: Array(5_000).fill(1) });
  expect(many).toHaveLength(100);
});

describe("a hostile plan cannot hold the door", () => {
  const LONG = "a".repeat(100_000);
  /** Very generous, since the machine may be busy: what hangs takes hours. */
  const LIMIT_MS = 60_000;
  const timed = <T>(work: () => T): T => {
    const started = performance.now();
    const result = work();
    expect(performance.now() - started).toBeLessThan(LIMIT_MS);
    return result;
  };

  test.each(["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*$", "^([a-z]+)*b$", "(x+x+)+y", "((a{0,10}){0,10}){0,10}$"])(
    "with the pattern %s, short texts and long",
    (pattern) => {
      const check = compilePlan(aPlan([anEvent({ properties: { a: { type: "string", pattern } } })]));
      timed(() => check("track", "Order Completed", { a: `${"a".repeat(40)}!` }));
      timed(() => check("track", "Order Completed", { a: `${LONG}!` }));
    },
  );

  test("with a pattern and texts that are too long for it: the event breaks the plan, the next one is fine", () => {
    const check = compilePlan(aPlan([anEvent({ properties: { a: { pattern: "^[a-z]{1,900}$" } } })]));
    expect(check("track", "Order Completed", { a: LONG })).toMatchObject({ mode: "block", field: "properties" });
    expect(check("track", "Order Completed", { a: "abc" })).toBeUndefined();
    expect(check("track", "Order Completed", { a: "ABC" })).toMatchObject({ field: "properties.a" });
  });

  test("with patterns for the names of properties", () => {
    const schema = { patternProperties: { "^(a+)+$": { type: "number" } }, propertyNames: { pattern: "^(a|a)*!?$" } };
    const bag = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`${"a".repeat(90)}${i}!`, 1]));
    expect(timed(() => said(schema, bag))).toMatchObject({ mode: "block" });
  });

  test("with a thousand allowed values and a long array", () => {
    const allowed = Array.from({ length: 900 }, (_, i) => `v${i}`);
    const bag = { a: Array(50_000).fill("v899") };
    expect(timed(() => said({ properties: { a: { items: { enum: allowed } } } }, bag))).toBeUndefined();
  });

  test("with many alternatives and a long array", () => {
    const among = (count: number) => ({
      properties: { a: { items: { anyOf: Array.from({ length: count }, (_, i) => ({ const: i })) } } },
    });
    const bag = { a: Array(20_000).fill(89) };
    expect(timed(() => said(among(90), bag))).toBeUndefined();
    expect(() => said(among(450), bag)).toThrow(/more than 1000 keys/);
  });

  test.each(["date-time", "date", "email", "uuid", "uri"])("with the format %s and long texts", (format) => {
    for (const text of [LONG, `http://${"%41".repeat(30_000)} `, `${"a@".repeat(50_000)}`, `${"a.".repeat(50_000)}@!`])
      expect(timed(() => said({ properties: { a: { format } } }, { a: text }))).toMatchObject({ mode: "block" });
  });

  test("by names and texts that would be code", () => {
    const evil = `"]);process.exit(7);//\u2028\n\`\${process.exit(7)}\\`;
    const schema = {
      properties: { [evil]: { const: evil, not: { const: `${evil}!` } }, b: { enum: [evil] } },
      required: [evil],
      additionalProperties: false,
    };
    expect(said(schema, { [evil]: evil, b: evil })).toBeUndefined();
    expect(said(schema, { [evil]: "other" })?.field).toBe(`properties.${evil}`);
    expect(said(schema, {})?.message).toContain("is required");
  });

  test("by names that every object inherits", () => {
    const schema = {
      properties: { toString: { type: "string" }, valueOf: { type: "number" } },
      required: ["toString"],
    };
    expect(said(schema, {})).toMatchObject({ field: "properties.toString" });
    expect(said(schema, { toString: "x" })).toBeUndefined();
    expect(said({ required: ["hasOwnProperty"] }, { hasOwnProperty: 1 })).toBeUndefined();
    expect(said({ additionalProperties: false }, JSON.parse('{"__proto__":1}'))).toMatchObject({ mode: "block" });
  });

  test("two patterns are two, whatever their results are called", () => {
    const schema = { properties: { a: { pattern: "^a$" }, b: { pattern: "^b$" } } };
    expect(said(schema, { a: "a", b: "b" })).toBeUndefined();
    expect(said(schema, { a: "a", b: "a" })?.field).toBe("properties.b");
  });
});

test("patterns mean what they mean in JavaScript", () => {
  const cases: [string, string, boolean][] = [
    ["\\u0041", "A", true],
    ["^\\d{4}-\\d{2}$", "2026-11", true],
    ["^[\\w.-]+$", "a.b-c", true],
    ["^(?<year>\\d+)$", "2026", true],
    ["^\\/a\\/$", "/a/", true],
    ["^.$", "💥", true],
    ["b", "abc", true],
    ["^b", "abc", false],
  ];
  for (const [pattern, text, matches] of cases)
    expect([pattern, said({ properties: { a: { pattern } } }, { a: text }) === undefined]).toEqual([pattern, matches]);
});
