import { expect, test } from "vitest";
import { isSaneTime } from "./sane-time.ts";

const NOW = Date.UTC(2026, 10, 21);
const DAY = 24 * 60 * 60 * 1_000;

test.each([
  [NOW, NOW, true],
  [NOW + DAY, NOW, true],
  [NOW + DAY + 1, NOW, false],
  [Date.UTC(2000, 0, 1), NOW, true],
  [Date.UTC(2000, 0, 1) - 1, NOW, false],
  [Date.UTC(2500, 0, 1), Date.UTC(2500, 0, 1), false],
  [Number.NaN, NOW, false],
])("13d an event of %d that came at %d may have happened then: %s", (timestamp, receivedAt, isSane) => {
  expect(isSaneTime(timestamp, receivedAt)).toBe(isSane);
});
