import fc from "fast-check";
import { expect, test } from "vitest";
import { createCalendar, DAY_MS, HOUR_MS } from "./calendar.ts";

const SUNDAY_NOON = Date.UTC(2026, 10, 22, 12);
const plans = fc.record({
  now: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2030, 0, 1) }),
  days: fc.integer({ min: 1, max: 60 }),
  seed: fc.string({ maxLength: 5 }),
});

test("time only goes on, from the first moment of the days to just before now", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const calendar = createCalendar(plan);
      const lengthMs = plan.days * DAY_MS;
      expect(calendar(0)).toBe(plan.now - lengthMs);
      expect(calendar(lengthMs)).toBeLessThan(plan.now);
      for (let ms = 0; ms < lengthMs; ms += HOUR_MS) expect(calendar(ms + HOUR_MS)).toBeGreaterThan(calendar(ms));
    }),
    { numRuns: 50 },
  );
});

test("three hours of even time are more than the 40 minutes that a visit may take", () => {
  fc.assert(
    fc.property(plans, fc.double({ min: 0, max: 1, noNaN: true }), (plan, share) => {
      const calendar = createCalendar(plan);
      const from = share * (plan.days * DAY_MS - 3 * HOUR_MS);
      expect(calendar(from + 3 * HOUR_MS) - calendar(from)).toBeGreaterThan(40 * 60_000);
    }),
  );
});

test("Mondays are busier than Saturdays, evenings than nights", () => {
  const days = 8 * 7;
  const calendar = createCalendar({ now: SUNDAY_NOON, days, seed: "1" });
  const byDay = new Array<number>(7).fill(0);
  const byHour = new Array<number>(24).fill(0);
  const add = (counts: number[], at: number) => {
    counts[at] = (counts[at] ?? 0) + 1;
  };
  for (let ms = 0; ms < days * DAY_MS; ms += 60_000) {
    const date = new Date(calendar(ms));
    add(byDay, date.getUTCDay());
    add(byHour, date.getUTCHours());
  }
  expect(byDay[1]).toBeGreaterThan(1.2 * (byDay[6] ?? 0));
  expect(byHour[20]).toBeGreaterThan(5 * (byHour[3] ?? 0));
});
