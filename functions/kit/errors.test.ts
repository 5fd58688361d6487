import { expect, test } from "vitest";
import { AppError, HTTP_STATUS, messageOf } from "./errors.ts";

test("a code is an answer's status, and none of those that make clients repeat a permanent error", () => {
  for (const status of Object.values(HTTP_STATUS)) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect([408, 410, 460]).not.toContain(status);
  }
  expect(HTTP_STATUS).toMatchObject({
    invalid_write_key: 401,
    payload_too_large: 413,
    late_event: 422,
    unavailable: 503,
  });
});

test("an AppError says what, where and when to come back, and keeps its cause for the log", () => {
  const cause = new Error("driver");
  const error = new AppError("unavailable", "later", { field: "f", retryAfterSeconds: 5, cause });
  expect(error).toMatchObject({
    name: "AppError",
    code: "unavailable",
    message: "later",
    field: "f",
    retryAfterSeconds: 5,
    cause,
  });
  expect(error).toBeInstanceOf(Error);
  expect(new AppError("internal", "x")).toMatchObject({
    field: undefined,
    retryAfterSeconds: undefined,
    cause: undefined,
  });
});

test.each([
  [new Error("a"), "a"],
  ["b", "b"],
  [undefined, "undefined"],
  [{ toString: (): string => "c" }, "c"],
])("the message of %s is %s", (thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});
