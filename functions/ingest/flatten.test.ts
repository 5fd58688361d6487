import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { Json, JsonObject } from "../event/event.ts";
import { anyJson } from "../testing/arbitraries.ts";
import { aReceivedEvent, nested } from "../testing/builders.ts";
import { flatten, flattened } from "./flatten.ts";

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const flat = (text: string | JsonObject) => ({
  ...flatten(typeof text === "string" ? JSON.parse(text) : text, "properties"),
});
const refusal = (code: string, field: string, message: RegExp | string = "") =>
  expect.objectContaining({ code, field, message: expect.stringMatching(message) });

describe("flatten", () => {
  test.each<[string, JsonObject]>([
    ["{}", {}],
    ['{"a":{"B c":1}}', { a_b_c: 1 }],
    ['{"iPhone":{"osVersion":"17"},"x":null,"y":false}', { i_phone_os_version: "17", x: null, y: false }],
    ['{"a":{}}', {}],
    [
      '{"tags":["Big","Red"],"items":[{"Sku Id":1,"dim":{"W":2}}]}',
      { tags: ["Big", "Red"], items: [{ "Sku Id": 1, dim: { W: 2 } }] },
    ],
    ['{"a":[[],[{}]]}', { a: [[], [{}]] }],
    ['{"n":9007199254740993}', { n: 9007199254740992 }],
  ])("makes %s flat, in snake_case, lists whole", (body, expected) => {
    expect(flat(body)).toEqual(expected);
  });

  test.each<[string, string, RegExp]>([
    ['{"a_b":1,"a":{"b":2}}', "properties.a_b", /properties\.a_b and properties\.a\.b/],
    ['{"userId":1,"user_id":2}', "properties.user_id", /properties\.userId and properties\.user_id/],
    ['{"A":{"x":[1]},"a":{"X":{"":1},"x":3}}', "properties.a_x", /properties\.A\.x and properties\.a\.x/],
    ['{"!":1,"?":2}', "properties._", /properties\.! and properties\.\?/],
  ])("refuses %s: two paths meet, and both are named", (body, field, message) => {
    expect(() => flat(body)).toThrow(refusal("flatten_conflict", field, message));
  });

  test("takes 16 levels and refuses the 17th, in objects, in lists and in both", () => {
    expect(Object.keys(flat(nested(16)))).toEqual([Array(16).fill("a").join("_")]);
    expect(() => flat(nested(17))).toThrow(refusal("validation_failed", "properties", /16 levels/));
    const lists = (levels: number): Json => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    expect(flat({ a: lists(15) })).toEqual({ a: lists(15) });
    expect(() => flat({ a: lists(16) })).toThrow(refusal("validation_failed", "properties"));
    expect(() => flat({ a: [nested(15)] })).toThrow(refusal("validation_failed", "properties"));
  });

  test.each([1_000, 20_000, 100_000])("answers %i levels with a refusal, not with a full stack", (levels) => {
    expect(() => flat(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`)).toThrow(
      refusal("validation_failed", "properties"),
    );
    expect(() => flat(`{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`)).toThrow(
      refusal("validation_failed", "properties"),
    );
    // The conflict is met beside the deep part: naming both paths must not walk down there either.
    const conflict = `{"b":1,"B":2,"deep":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`;
    expect(() => flat(conflict)).toThrow(refusal("flatten_conflict", "properties.b"));
  });

  test("takes 1,000 keys and refuses one more, wherever they are", () => {
    const keys = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
    expect(Object.keys(flat(keys(1_000)))).toHaveLength(1_000);
    expect(() => flat(keys(1_001))).toThrow(refusal("validation_failed", "properties", /1000 keys/));
    expect(() => flat({ a: keys(600), b: keys(401) })).toThrow(refusal("validation_failed", "properties"));
  });

  test("takes names of 255 characters once flat and refuses longer ones", () => {
    expect(Object.keys(flat({ ["a".repeat(127)]: { ["b".repeat(127)]: 1 } }))[0]).toHaveLength(255);
    expect(() => flat({ ["a".repeat(127)]: { ["b".repeat(128)]: 1 } })).toThrow(
      refusal("validation_failed", "properties", /256 characters/),
    );
  });

  test.each([
    ['{"a":1e400}', "properties.a"],
    ['{"a":{"b":-1e400}}', "properties.a_b"],
    ['{"a":[1,1e400]}', "properties.a"],
    ['{"a":[{"b":[1e400]}]}', "properties.a"],
  ])("refuses %s: no number is infinite", (body, field) => {
    expect(() => flat(body)).toThrow(refusal("validation_failed", field));
  });

  test.each([
    ['{"__proto__":{"a":1},"b":2}', { b: 2 }],
    ['{"constructor":{"prototype":{"a":1}},"prototype":1,"b":2}', { b: 2 }],
    ['{"b":{"__proto__":{"polluted":1},"c":1}}', { b_c: 1 }],
    ['{"b":[{"__proto__":{"polluted":1},"c":[{"constructor":1,"d":2}]}]}', { b: [{ c: [{ d: 2 }] }] }],
    ['{"!":{"proto":{"!":[1]}},"b":2}', { b: 2 }],
    ['{"Constructor":1,"b":2}', { b: 2 }],
  ])("of %s leaves nothing that JavaScript gives a meaning to", (body, expected) => {
    const result = flatten(JSON.parse(body), "context");
    expect(JSON.stringify(result)).toBe(JSON.stringify(expected));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test("keeps every leaf of what it accepts, and refuses with a verdict whatever else JSON can say", () => {
    const leaves = (value: Json): number =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.values(value).reduce((sum: number, item) => sum + leaves(item), 0)
        : 1;
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-zA-Z ]{1,6}$/), anyJson, { noNullPrototype: true }), (bag) => {
        let result: JsonObject;
        try {
          result = flatten(bag as JsonObject, "properties");
        } catch (error) {
          expect(error).toMatchObject({ name: "AppError" });
          return;
        }
        if (!/proto|constructor/i.test(JSON.stringify(bag)))
          expect(Object.keys(result)).toHaveLength(leaves(bag as JsonObject));
      }),
      { numRuns: 300 },
    );
  });
});

test("an event's properties, traits and context are each flat, and an error says in which it was", () => {
  const bag = { A: { b: 1 } };
  expect(flattened(aReceivedEvent({ properties: bag, traits: bag, context: bag }))).toMatchObject({
    properties: { a_b: 1 },
    traits: { a_b: 1 },
    context: { a_b: 1 },
    flat: true,
  });
  expect(() => flattened(aReceivedEvent({ traits: { a: 1, A: 2 } }))).toThrow(refusal("flatten_conflict", "traits.a"));
});

test("names of any length make no long sentence of a conflict", () => {
  const long = { [`a${"!".repeat(40_000)}`]: 1, [`a${"?".repeat(40_000)}`]: 2 };
  expect(() => flatten(long, "properties")).toThrow(
    /^properties\.a!{200,300}… and properties\.a\?{200,300}… both become/,
  );
});
