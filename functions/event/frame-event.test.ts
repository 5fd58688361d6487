import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedEvents } from "../testing/arbitraries.ts";
import { aCheckedEvent, aFrame, iso, NOW } from "../testing/builders.ts";
import { decodeFrame } from "./frame.ts";
import { eventsIn } from "./frame-event.ts";

test("an event of a frame can be sent again as it is: its ids, times and flat objects", () => {
  const event = aCheckedEvent({
    userId: "u",
    originalTimestamp: NOW - 5_000,
    sentAt: NOW - 4_000,
    properties: { price: 1.5, tags: ["a"] },
    traits: { plan: "pro" },
    context: { page_url: "https://x", custom: { kept: true } },
  });
  expect(eventsIn(decodeFrame(aFrame([aCheckedEvent(), event])))[1]).toEqual({
    type: "track",
    messageId: "m-1",
    event: "Order Completed",
    userId: "u",
    anonymousId: "anon-1",
    timestamp: iso(NOW - 5_000),
    sentAt: iso(NOW - 4_000),
    properties: { price: 1.5, tags: ["a"] },
    traits: { plan: "pro" },
    context: { page_url: "https://x", custom: { kept: true } },
  });
});

test("there is one for each event of any frame, in their order", () => {
  fc.assert(
    fc.property(fc.array(checkedEvents, { minLength: 1, maxLength: 5 }), (events) => {
      const read = eventsIn(decodeFrame(aFrame(events)));
      expect(read.map(({ messageId }) => messageId)).toEqual(events.map(({ messageId }) => messageId));
    }),
  );
});
