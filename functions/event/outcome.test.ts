import { expect, test } from "vitest";
import { AppError } from "../kit/errors.ts";
import { each, going, type Outcome, tried } from "./outcome.ts";

const rejection = new AppError("validation_failed", "no");
type Id = { messageId: string };
const outcomes: Outcome<Id>[] = [
  { messageId: "a", kind: "going", event: { messageId: "a" } },
  { messageId: "b", kind: "duplicate" },
  { messageId: "c", kind: "rejected", error: rejection, stage: "parse" },
  { messageId: "d", kind: "going", event: { messageId: "d" } },
];

test("a stage runs on what is still going, in order, and leaves every other verdict as it is", () => {
  const seen: string[] = [];
  const after = each(outcomes, "flatten", ({ messageId }) => seen.push(messageId));
  expect(seen).toEqual(["a", "d"]);
  expect(after.slice(1, 3)).toEqual(outcomes.slice(1, 3));
  expect(going(after)).toEqual([1, 2]);
});

test("a rejection is the verdict of its event alone", () => {
  const after = each(outcomes, "flatten", ({ messageId }) => {
    if (messageId === "a") throw rejection;
    return "stored";
  });
  expect(after.map(({ kind }) => kind)).toEqual(["rejected", "duplicate", "rejected", "going"]);
  expect(after.map((outcome) => outcome.kind === "rejected" && outcome.stage)).toEqual([
    "flatten",
    false,
    "parse",
    false,
  ]);
});

test("a fault is nobody's verdict: it goes on", () => {
  const fault = () => {
    throw new TypeError("ours");
  };
  expect(() => each(outcomes, "flatten", fault)).toThrow(TypeError);
  expect(() => tried("a", "flatten", {}, fault)).toThrow(TypeError);
});
