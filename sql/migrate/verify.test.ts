import { expect, test } from "vitest";
import { withoutDefiner } from "./clickhouse-schema.ts";
import type { Schema } from "./migration.ts";
import { differences } from "./verify.ts";

const schema = (
  parts: Record<string, string>,
  columns: Record<string, string[]> = {},
  whole: Record<string, string> = {},
): Schema => ({
  parts: new Map(Object.entries(parts)),
  columns: new Map(Object.entries(columns)),
  whole: new Map(Object.entries(whole)),
});

test.each<[what: string, live: Schema, files: Schema, sentences: string[]]>([
  ["the same", schema({ t: "table" }), schema({ t: "table" }), []],
  [
    "another type",
    schema({ "events column user_id": "LowCardinality(String)" }),
    schema({ "events column user_id": "String" }),
    ["cdp.events column user_id: LowCardinality(String), files say String"],
  ],
  ["something missing", schema({}), schema({ "t index i": "minmax" }), ["cdp.t index i: missing, files say minmax"]],
  ["something more", schema({ "t column x": "Int8" }), schema({}), ["cdp.t column x: Int8, not in the files"]],
  [
    "another order of columns, of those that both have",
    schema({}, { t: ["a", "new", "c", "b"] }),
    schema({}, { t: ["a", "b", "c", "old"] }),
    ["cdp.t order of columns: a, c, b, files say a, b, c"],
  ],
  [
    "what has no name of its own",
    schema({ t: "table" }, {}, { t: "CREATE TABLE t … CHECK a > 0" }),
    schema({ t: "table" }, {}, { t: "CREATE TABLE t …" }),
    ["cdp.t: CREATE TABLE t … CHECK a > 0, files say CREATE TABLE t …"],
  ],
  [
    "what was named already is not named again as a whole",
    schema({ "t column a": "Int8" }, {}, { t: "CREATE TABLE t (a Int8)", tt: "CREATE TABLE tt (a Int8)" }),
    schema({ "t column a": "Int16" }, {}, { t: "CREATE TABLE t (a Int16)", tt: "CREATE TABLE tt (a Int16)" }),
    ["cdp.t column a: Int8, files say Int16", "cdp.tt: CREATE TABLE tt (a Int8), files say CREATE TABLE tt (a Int16)"],
  ],
])("%s", (_, live, files, sentences) => {
  expect(differences("cdp", live, files)).toEqual(sentences);
});

test.each([
  ["default", "default"],
  ["`the one`", "another"],
])("as whom a view runs is each server's own matter: %s or %s", (here, there) => {
  const view = (user: string) =>
    `CREATE MATERIALIZED VIEW d.v TO d.t DEFINER = ${user} SQL SECURITY DEFINER AS SELECT 1`;
  expect(withoutDefiner(view(here))).toBe(withoutDefiner(view(there)));
  expect(withoutDefiner(view(here))).not.toBe(view(here).replace("DEFINER AS", "NONE AS"));
});
