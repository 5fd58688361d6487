import { expect, test } from "vitest";
import { allQuestions } from "../../explore/questions.ts";
import { fillSlots, namesIn, readSql } from "./sql-file.ts";

test.each(allQuestions)("sql of $name takes the workspace, exactly the declared parameters and slots", ({ query }) => {
  const { params, slots } = namesIn(readSql(query.sql));
  expect(params).toEqual(new Set(["workspace_id", ...Object.keys(query.params.shape)]));
  expect(slots).toEqual(new Set(query.slots));
});

test.each(allQuestions)("sql of $name starts with what it answers and filters the workspace", ({ query }) => {
  const text = readSql(query.sql);
  expect(text).toMatch(/^-- .+\?/);
  expect(text).toContain("workspace_id = {workspace_id: UUID}");
});

test("a slot that nobody filled stops the query", () => {
  expect(() => fillSlots("SELECT 1 /* [filters] */", {})).toThrow('the slot "filters"');
  expect(fillSlots("a /* [x] */ b /* [x] */", { x: { text: "$1" } })).toBe("a $1 b $1");
});
