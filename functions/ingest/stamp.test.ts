import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aWireEvent, DAY, HOUR, NOW } from "../testing/builders.ts";
import { stamp } from "./stamp.ts";

const at = (originalTimestamp: number | undefined, sentAt: number | undefined) =>
  stamp(aWireEvent({ originalTimestamp, sentAt }), NOW).timestamp;
const YEAR_2000 = Date.UTC(2000, 0, 1);

describe("the time of an event", () => {
  test.each<[string, number | undefined, number | undefined, number]>([
    ["clocks agree", NOW - HOUR, NOW, NOW - HOUR],
    ["the client is an hour slow", NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR],
    ["the client is a day fast", NOW + DAY - 60_000, NOW + DAY, NOW - 60_000],
    ["the client is in 1970", 1_000, 61_000, NOW - 60_000],
    ["no sentAt", NOW - HOUR, undefined, NOW - HOUR],
    ["no time of its own", undefined, NOW - HOUR, NOW],
    ["neither", undefined, undefined, NOW],
    ["the first instant allowed", YEAR_2000, undefined, YEAR_2000],
    ["before 2000", YEAR_2000 - 1, undefined, NOW],
    ["the last instant allowed", NOW + DAY, undefined, NOW + DAY],
    ["more than a day ahead", NOW + DAY + 1, undefined, NOW],
    ["long before it was sent", NOW - 30 * 365 * DAY, NOW, NOW],
    ["after it was sent", NOW + HOUR, NOW, NOW + HOUR],
  ])("when %s", (_, originalTimestamp, sentAt, expected) => {
    expect(at(originalTimestamp, sentAt)).toBe(expected);
  });

  test("is always within bounds, and the client's own reading is kept", () => {
    const times = fc.option(fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2299, 11, 31) }), { nil: undefined });
    fc.assert(
      fc.property(times, times, (originalTimestamp, sentAt) => {
        const event = stamp(aWireEvent({ originalTimestamp, sentAt }), NOW);
        expect(event.timestamp).toBeGreaterThanOrEqual(YEAR_2000);
        expect(event.timestamp).toBeLessThanOrEqual(NOW + DAY);
        expect(event).toMatchObject({ originalTimestamp, sentAt, receivedAt: NOW });
      }),
    );
  });

  test("does not depend on how wrong the client's clock is", () => {
    fc.assert(
      fc.property(fc.integer({ min: -20 * DAY, max: 20 * DAY }), (skew) => {
        expect(at(NOW - HOUR + skew, NOW + skew)).toBe(NOW - HOUR);
      }),
    );
  });
});
