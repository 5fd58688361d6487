import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonObject } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import { compilePlan, violationsOf } from "./compile-plan.ts";
import { FORMATS, readPlanSchema } from "./plan-schema.ts";

const name = fc.oneof(
  fc.constantFrom("a", "b", "length", "toString", "__proto__", "valueOf", "$ref", '"];', "\u2028", "a/b~c", ""),
  fc.string({ unit: "grapheme", maxLength: 6 }),
);
const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -0, 1e308, 5e-324, "", "a"),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  name,
);
const pattern = fc.oneof(fc.constantFrom("^a+$", "(a|b)*", "[", ".{0,50}", "\\d", "(?=a)", ""), name);

/** Schemas as a tenant might write them, mostly right: up to three keywords on each level. */
const { schema } = fc.letrec<{ schema: Record<string, unknown>; sub: unknown }>((tie) => {
  const sub = tie("sub");
  const list = fc.array(sub, { minLength: 1, maxLength: 3 });
  const number = fc.oneof({ weight: 9, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) }, scalar);
  const size = fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, scalar);
  const types = fc.constantFrom("string", "number", "integer", "object", "array", "null");
  const keyword = fc.oneof(
    ...Object.entries({
      type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
      properties: fc.dictionary(name, sub, { maxKeys: 3 }),
      patternProperties: fc.dictionary(pattern, sub, { maxKeys: 2 }),
      additionalProperties: sub,
      propertyNames: sub,
      required: fc.array(name, { maxLength: 3 }),
      minProperties: size,
      maxProperties: size,
      items: sub,
      contains: sub,
      minItems: size,
      maxItems: size,
      enum: fc.array(scalar, { minLength: 1, maxLength: 3 }),
      const: scalar,
      minimum: number,
      maximum: number,
      exclusiveMinimum: number,
      exclusiveMaximum: number,
      multipleOf: fc.oneof(fc.constantFrom(1, 0.01, 5e-324, 1e308), number),
      minLength: size,
      maxLength: size,
      pattern,
      format: fc.constantFrom<string>(...FORMATS),
      allOf: list,
      anyOf: list,
      oneOf: list,
      not: sub,
      if: sub,
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: sub,
      else: sub,
    }).map(([key, value]) => fc.tuple(fc.constant(key), value as fc.Arbitrary<unknown>)),
  );
  return {
    sub: fc.oneof({ maxDepth: 3, depthSize: "small" }, fc.boolean(), tie("schema")),
    schema: fc.array(keyword, { maxLength: 3 }).map((keywords) => Object.fromEntries(keywords)),
  };
});
const bag = fc.dictionary(name, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }) as fc.Arbitrary<JsonObject>;

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

test(`whatever schema is taken compiles, and answers every event with a verdict (SEED=${SEED})`, () => {
  let taken = 0;
  const run = (given: Record<string, unknown>, event: JsonObject) => {
    const planned = { type: "track", event: "A", schema: given };
    try {
      readPlanSchema(given, "schema");
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      return;
    }
    taken += 1;
    const verdict = compilePlan({ mode: "block", unplanned: "allow", events: [planned] })("track", "A", event);
    const all = violationsOf(planned, event);
    expect(all.length > 0).toBe(verdict !== undefined);
    for (const { field, message } of all)
      expect([field, message].every((text) => text.startsWith("properties"))).toBe(true);
  };
  fc.assert(fc.property(schema, bag, run), { seed: SEED, numRuns: 500 });
  expect(taken).toBeGreaterThan(150);
});
