import { expect, test } from "vitest";
import { compactDayOf } from "../../kit/day.ts";
import { aSource, HOUR, NOW } from "../../testing/builders.ts";
import { rateOf } from "./rate.ts";

const source = aSource({ limits: { windowRequestsMax: 500, dayEventsMax: 1_000, own: false } });

test("a sender is told of the window, in whole seconds", () => {
  const answer = { limited: undefined, left: 499, resetMs: 5_000 };
  expect(rateOf(source, answer, NOW)).toEqual({ limit: 500, remaining: 499, resetSeconds: 5, windowSeconds: 5 });
  const met = { limited: "requests", left: 0, resetMs: 1_001 } as const;
  expect(rateOf(source, met, NOW)).toEqual({ limit: 500, remaining: 0, resetSeconds: 2, windowSeconds: 5 });
  expect(rateOf(source, { ...met, resetMs: 0 }, NOW)?.resetSeconds).toBe(1);
});

test("a sender whose day is full is told of the day, which ends at midnight of UTC", () => {
  const met = { limited: "events", left: 0, resetMs: 0 } as const;
  expect(rateOf(source, met, NOW)).toEqual({
    limit: 1_000,
    remaining: 0,
    resetSeconds: 12 * 3_600,
    windowSeconds: 86_400,
  });
});

test("without a window there is nothing to tell until the day is full", () => {
  const days = { ...source, limits: { ...source.limits, windowRequestsMax: null } };
  expect(rateOf(days, { limited: undefined, left: 0, resetMs: 0 }, NOW)).toBeUndefined();
});

test("a day is UTC's", () => {
  expect([compactDayOf(NOW + 12 * HOUR - 1), compactDayOf(NOW + 12 * HOUR)]).toEqual(["20261121", "20261122"]);
});
