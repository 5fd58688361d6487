import { expect, test } from "vitest";
import { nested } from "../testing/builders.ts";
import { readPlanSchema } from "./plan-schema.ts";

const read = (schema: unknown) => readPlanSchema(schema, "schema");

test("what is read has the checked keywords and nothing else, and shares nothing with what was given", () => {
  const given = {
    $schema: "x",
    title: "t",
    description: "d",
    default: {},
    examples: [1],
    type: ["object", "object"],
    properties: { a: { type: "string", $comment: "c", enum: ["x"] }, title: true },
    required: ["a", "a"],
  };
  const kept = read(given);
  expect(kept).toEqual({
    type: ["object"],
    properties: { a: { type: "string", enum: ["x"] }, title: true },
    required: ["a"],
  });
  (given.properties.a as { type: string }).type = "number";
  expect(kept.properties).toMatchObject({ a: { type: "string" } });
});

/** A schema `levels` deep. */
const deep = (levels: number): unknown => (levels === 1 ? {} : { not: deep(levels - 1) });
const wide = (keys: number) => ({
  properties: Object.fromEntries(Array.from({ length: keys }, (_, i) => [`p${i}`, true])),
});

test("sixteen levels and a thousand keys are taken", () => {
  expect(() => read(deep(16))).not.toThrow();
  expect(() => read(wide(999))).not.toThrow();
});

test.each<[name: string, schema: unknown, field: string]>([
  ["null", null, "schema"],
  ["a boolean", true, "schema"],
  ["an array", [], "schema"],
  ["text", "{}", "schema"],
  ["an unknown keyword", { properties: { a: { typo: 1 } } }, "schema.properties.a.typo"],
  ["an inherited keyword", { toString: 1 }, "schema.toString"],
  ["a reference", { $ref: "#" }, "schema.$ref"],
  ["definitions", { $defs: {} }, "schema.$defs"],
  ["uniqueItems", { uniqueItems: true }, "schema.uniqueItems"],
  ["$data", { minimum: { $data: "1/a" } }, "schema.minimum"],
  ["an unknown type", { type: "text" }, "schema.type"],
  ["no type", { type: [] }, "schema.type"],
  ["an unknown format", { format: "regex" }, "schema.format"],
  ["a format of every object", { format: "toString" }, "schema.format"],
  ["a limit that is text", { maxLength: "1" }, "schema.maxLength"],
  [
    "a limit that JSON cannot keep",
    JSON.parse('{"properties":{"a":{"minimum":1e400}}}'),
    "schema.properties.a.minimum",
  ],
  ["multiples of what JSON cannot keep", JSON.parse('{"multipleOf":1e400}'), "schema.multipleOf"],
  ["a value that JSON cannot keep", JSON.parse('{"enum":[-1e400]}'), "schema.enum.0"],
  ["a negative length", { maxLength: -1 }, "schema.maxLength"],
  ["draft 4's exclusive bound", { exclusiveMinimum: true }, "schema.exclusiveMinimum"],
  ["multiples of nothing", { multipleOf: 0 }, "schema.multipleOf"],
  ["objects among the allowed", { enum: [{}] }, "schema.enum.0"],
  ["an empty enum", { enum: [] }, "schema.enum"],
  ["an object as the only value", { const: {} }, "schema.const"],
  ["alternatives that are none", { anyOf: [] }, "schema.anyOf"],
  ["a tuple", { items: [{}] }, "schema.items"],
  ["names that are none", { required: [1] }, "schema.required"],
  ["an empty name", { required: [""] }, "schema.required"],
  ["names that are dropped", { required: ["constructor"] }, "schema.required.constructor"],
  ["properties that are dropped", JSON.parse('{"properties":{"__proto__":{}}}'), "schema.properties.__proto__"],
  ["a seventeenth level", deep(17), `schema${".not".repeat(16)}`],
  ["a thousand and one keys", wide(1_000), "schema"],
  ["a deep value", { default: nested(20), not: nested(3, {}, "not"), allOf: [{ bad: 1 }] }, "schema.allOf.0.bad"],
  ["look-ahead", { properties: { a: { pattern: "(?=a)" } } }, "schema.properties.a.pattern"],
  ["look-behind", { pattern: "(?<=a)b" }, "schema.pattern"],
  ["a back reference", { pattern: "(a)\\1" }, "schema.pattern"],
  ["what is no pattern", { pattern: "(" }, "schema.pattern"],
  ["a pattern that is no text", { pattern: {} }, "schema.pattern"],
  ["a pattern beyond its length", { pattern: "a".repeat(1_001) }, "schema.pattern"],
  ["a pattern that unfolds", { pattern: `(${"a".repeat(900)}){1000}` }, "schema.pattern"],
  ["patterns that unfold together", { allOf: Array(8).fill({ pattern: "^.{1,900}$" }) }, "schema.allOf.5.pattern"],
  ["a bad pattern of names", { patternProperties: { "(": true } }, "schema.patternProperties.("],
])("%s is refused at its place", (_, schema, field) => {
  expect(() => read(schema)).toThrow(expect.objectContaining({ code: "validation_failed", field }));
});

test("a schema made to be slow is refused at once", () => {
  const started = performance.now();
  expect(() => read({ allOf: Array(400).fill({ pattern: "(a{1,30}){1,30}" }) })).toThrow();
  expect(() => read({ pattern: "(".repeat(500) + ")".repeat(500) })).not.toThrow(RangeError);
  expect(performance.now() - started).toBeLessThan(2_000);
});
