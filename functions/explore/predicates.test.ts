import fc from "fast-check";
import { expect, test } from "vitest";
import { FRAME_COLUMNS } from "../event/columns.ts";
import { FILTER_OPS, Filter } from "./filter.ts";
import { compileFilters } from "./predicates.ts";

const MARK = "Zq9x";
const scalar = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => `${MARK}${text}`),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
);
const name = fc.stringMatching(/^[\p{L}\p{N}_]{1,40}$/u).map((text) => `${MARK}${text}`);
const field = fc.oneof(
  fc.tuple(fc.constantFrom("properties", "traits", "context"), name).map(([column, path]) => `${column}.${path}`),
  fc.constantFrom(...FRAME_COLUMNS.map((column) => column.name)),
);
const filter = fc
  .record({ field, op: fc.constantFrom(...FILTER_OPS), value: fc.oneof(scalar, fc.array(scalar, { maxLength: 5 })) })
  .map((given) => (given.op.endsWith("exists") ? { field: given.field, op: given.op } : given));

test("no value and no name of a filter is ever part of the SQL text", () => {
  const known =
    /^(AND|NOT|OR|IN|ifNull|isNotNull|dynamicElement|coalesce|toFloat64|has|arrayExists|one|positionCaseInsensitiveUTF8|toUnixTimestamp64Milli|\d|[()<>=!,>-]|'(String|Int64|Float64|UInt64|Bool|Array\((Dynamic|Nullable\((String|Int64|Float64|UInt64|Bool)\))\)|)'|\s|\{f\d+(_(text|number|boolean|time))?: (Identifier|(Array\()?(String|Float64|Bool|UUID|Int64)\)?)\})*$/;
  fc.assert(
    fc.property(fc.array(filter, { maxLength: 6 }), (given) => {
      const filters = given.flatMap((one) => Filter.safeParse(one).data ?? []);
      const { text, values } = compileFilters(filters);
      expect(text).toMatch(known);
      expect(text).not.toContain(MARK);
      const named = new Set([...text.matchAll(/\{(\w+):/g)].map((match) => match[1]));
      expect(new Set(Object.keys(values))).toEqual(named);
    }),
    { numRuns: 500 },
  );
}, 60_000);

test.each([
  "workspace_id",
  "_seq",
  "_key",
  "properties",
  "properties.",
  "properties.a.b",
  "properties.`a",
  "properties.a b",
  "properties.a'--",
  "properties.^a",
  "properties.a.:Int64",
  "events.event",
  "event)",
  "EVENT",
  "__proto__",
  "",
])("a filter on %j is refused, with its field", (field) => {
  const checked = Filter.safeParse({ field, op: "eq", value: "x" });
  expect(checked.error?.issues[0]?.path).toEqual(["field"]);
});

test.each([
  [{ field: "event", op: "like", value: "x" }, "op"],
  [{ field: "event", op: "eq" }, "value"],
  [{ field: "event", op: "eq", value: null }, "value"],
  [{ field: "event", op: "eq", value: 5 }, "value"],
  [{ field: "event", op: "eq", value: ["a"] }, "value"],
  [{ field: "event", op: "in", value: "a" }, "value"],
  [{ field: "event", op: "in", value: [] }, "value"],
  [{ field: "event", op: "exists", value: "a" }, "value"],
  [{ field: "properties.a", op: "gt", value: true }, "value"],
  [{ field: "properties.a", op: "eq", value: { a: 1 } }, "value"],
  [{ field: "source_id", op: "eq", value: "not a uuid" }, "value"],
  [{ field: "source_id", op: "contains", value: "0000" }, "op"],
  [{ field: "timestamp", op: "gt", value: "yesterday" }, "value"],
  [{ field: "timestamp", op: "contains", value: "2026" }, "op"],
])("the filter %j is refused, and the answer says where", (filter, where) => {
  expect(Filter.safeParse(filter).error?.issues[0]?.path[0]).toBe(where);
});

test("names of every script and of 255 characters are fields", () => {
  for (const path of ["preis", "цена", "価格", "मूल्य", "_", "1st", "x".repeat(255)]) {
    expect(Filter.safeParse({ field: `properties.${path}`, op: "exists" }).success).toBe(true);
  }
});

test("a name of 256 characters, a value of 513 and a list of 501 are refused", () => {
  const wrongOf = (filter: object) => Filter.safeParse(filter).error?.issues[0]?.path;
  expect(wrongOf({ field: `properties.${"a".repeat(256)}`, op: "exists" })).toEqual(["field"]);
  expect(wrongOf({ field: "properties.a", op: "eq", value: "x".repeat(513) })).toEqual(["value"]);
  expect(wrongOf({ field: "properties.a", op: "in", value: Array(501).fill(1) })).toEqual(["value"]);
});
