import { afterEach, expect, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import { createWarnAway } from "./warn-away.ts";

afterEach(() => vi.restoreAllMocks());

test("an outage writes one line a second, with how many it speaks for", () => {
  const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
  let now = 5_000;
  const warnAway = createWarnAway("redis is away", () => now);
  for (let ms = 0; ms < 2_500; ms += 10) {
    warnAway(new Error("the trip failed", { cause: new Error("timeout") }));
    now += 10;
  }
  expect(warn.mock.calls).toEqual(
    [1, 100, 100].map((times) => [{ times, error: "the trip failed", cause: "timeout" }, "redis is away"]),
  );
});
