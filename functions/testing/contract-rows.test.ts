import { expect, test } from "vitest";
import { CONTRACT_ROWS, rowsWithoutTest } from "./contract-rows.ts";

test("a row is named by its whole id, anywhere in a title", () => {
  const rest = rowsWithoutTest([
    "I-09 refuses late events",
    "keeps K-01 and K-03",
    "S-1 is exactly 200",
    "XI-010 names none",
  ]);
  expect(CONTRACT_ROWS.filter((row) => !rest.includes(row))).toEqual(["I-09", "K-01", "K-03", "S-1"]);
});

test("there are 316 rows, each once", () => {
  expect(new Set(CONTRACT_ROWS).size).toBe(316);
});
