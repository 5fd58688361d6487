import { describe, expect, test } from "vitest";
import { aReceivedEvent, DAY, HOUR, NOW } from "../testing/builders.ts";
import { rejectLate } from "./reject-late.ts";

const late =
  (sentAt: number | undefined, hours = 24) =>
  () =>
    rejectLate(aReceivedEvent({ sentAt }), hours * HOUR);

describe("I-09 an event", () => {
  test.each<[string, number | undefined]>([
    ["sent now", NOW],
    ["sent exactly 24 hours ago", NOW - DAY],
    ["sent by a clock that is ahead", NOW + 3 * DAY],
    ["that does not say when it was sent, however old it is", undefined],
  ])("%s is in time", (_, sentAt) => {
    expect(late(sentAt)).not.toThrow();
  });

  test("that came one millisecond later is refused, and told by how much", () => {
    expect(late(NOW - DAY - 1)).toThrow(
      expect.objectContaining({
        code: "late_event",
        field: "sentAt",
        message: expect.stringMatching(/24 hours ago.*24/),
      }),
    );
  });

  test("is late by the configured hours", () => {
    expect(late(NOW - 2 * HOUR, 1)).toThrow(/limit is 1 \(LATE_AFTER_HOURS\)/);
    expect(late(NOW - 2 * HOUR, 3)).not.toThrow();
  });

  test("that happened long ago and was sent now is in time: offline devices send old events", () => {
    expect(() => rejectLate(aReceivedEvent({ originalTimestamp: NOW - 300 * DAY, sentAt: NOW }), DAY)).not.toThrow();
  });
});
