import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createFunction } from "./function.ts";

test("what the handler answers, sooner or later, is returned; what it throws, sooner or later, is the failure", async () => {
  const outcome = async (handler: (event: string) => unknown) =>
    createFunction<string>({ name: "f", handler, timeoutMs: 5_000 }).invoke("x");
  expect(await outcome((event) => `${event}!`)).toMatchObject({ kind: "returned", value: "x!" });
  expect(await outcome(async (event) => event)).toMatchObject({ kind: "returned", value: "x" });
  const error = new Error("no");
  const thrown = () => {
    throw error;
  };
  expect(await outcome(thrown)).toMatchObject({ kind: "failed", error });
  expect(await outcome(async () => thrown())).toMatchObject({ kind: "failed", error });
});

test("an invocation that takes too long has failed, and its late end changes nothing", async () => {
  const late = Promise.withResolvers<void>();
  const slow = createFunction({ name: "slow", timeoutMs: 20, handler: () => late.promise });
  expect(await slow.invoke({})).toMatchObject({
    kind: "failed",
    error: { message: "slow: task timed out after 0.02 seconds" },
  });
  late.reject(new Error("too late to be heard"));
  await sleep(5);
});

test("more invocations than allowed are throttled without a call, and a place is free again afterwards", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const narrow = createFunction({
    name: "narrow",
    timeoutMs: 5_000,
    concurrencyMax: 1,
    handler: () => {
      calls += 1;
      return gate.promise;
    },
  });
  const first = narrow.invoke({});
  expect((await narrow.invoke({})).kind).toBe("throttled");
  expect(calls).toBe(1);
  gate.resolve();
  await first;
  expect((await narrow.invoke({})).kind).toBe("returned");
});

test("the context names the function, and its time runs out", async () => {
  const seen: unknown[] = [];
  const timed = createFunction({
    name: "timed",
    timeoutMs: 1_000,
    handler: async (_event, context) => {
      const before = context.getRemainingTimeInMillis();
      await sleep(30);
      seen.push(before <= 1_000, context.getRemainingTimeInMillis() < before, context.invokedFunctionArn);
    },
  });
  await timed.invoke({});
  expect(seen).toEqual([true, true, "arn:aws:lambda:us-east-1:000000000000:function:timed"]);
});

test("a handler that answers by callback has failed, as on Node 24's runtime", async () => {
  const old = createFunction({
    name: "old",
    timeoutMs: 1_000,
    handler: (_event, _context, callback) => callback(null, 1),
  });
  expect((await old.invoke({})).kind).toBe("failed");
});
