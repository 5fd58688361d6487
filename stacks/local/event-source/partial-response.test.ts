import { expect, test } from "vitest";
import { readPartialResponse } from "./partial-response.ts";

const failures = (...ids: unknown[]) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) });

// reliability.md 2.1: the conditions that Lambda documents for streams; 2.3 has the same for queues, by message id.
test.each([
  ["no return value", undefined, "succeeded"],
  ["null", null, "succeeded"],
  ["an empty object", {}, "succeeded"],
  ["an empty list", { batchItemFailures: [] }, "succeeded"],
  ["a null list", { batchItemFailures: null }, "succeeded"],
  ["an answer with other fields", { status: "fine" }, "succeeded"],
  ["an empty identifier", failures(""), "failed"],
  ["a null identifier", failures(null), "failed"],
  ["a misspelt identifier", { batchItemFailures: [{ itemIdentifer: "b" }] }, "failed"],
  ["an unknown identifier", failures("z"), "failed"],
  ["a good and an unknown identifier", failures("b", "z"), "failed"],
  ["a number as identifier", failures(1), "failed"],
  ["a null in the list", { batchItemFailures: [null] }, "failed"],
  ["a list that is none", { batchItemFailures: { itemIdentifier: "b" } }, "failed"],
  ["a text", "ok", "failed"],
  ["a list instead of an object", [], "failed"],
])("%s means that the batch has %s", (_name, answer, kind) => {
  expect(readPartialResponse(answer, new Set(["a", "b", "c"]))).toMatchObject({ kind });
});

test("reported identifiers are kept, each once", () => {
  const verdict = readPartialResponse(failures("c", "b", "c"), new Set(["a", "b", "c"]));
  expect(verdict).toEqual({ kind: "reported", ids: new Set(["b", "c"]) });
});
