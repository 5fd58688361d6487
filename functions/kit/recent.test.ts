import { expect, test } from "vitest";
import { createRecent } from "./recent.ts";

test("tells count, median and maximum of what was added lately, and zeros of nothing", () => {
  let ms = 0;
  const recent = createRecent(() => ms);
  expect(recent.within(60_000)).toEqual({ count: 0, median: 0, max: 0 });
  recent.add(1_000);
  ms = 50_000;
  for (const value of [3, 1, 2]) recent.add(value);
  expect(recent.within(60_000)).toEqual({ count: 4, median: 2, max: 1_000 });
  ms = 100_000;
  expect(recent.within(60_000)).toEqual({ count: 3, median: 2, max: 3 });
  expect(recent.within(Number.POSITIVE_INFINITY).max).toBe(1_000);
});

test("keeps the newest, never all", () => {
  const recent = createRecent(() => 0);
  for (let value = 0; value < 50_000; value++) recent.add(value);
  const { count, max } = recent.within(1);
  expect(count).toBeLessThanOrEqual(20_000);
  expect(max).toBe(49_999);
});
