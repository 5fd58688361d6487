import { expect, test } from "vitest";
import { lookupsOf } from "./stored-keys.ts";

const DAY = 24 * 60 * 60 * 1_000;
const HOUR = DAY / 24;

test("events of one day are looked up together, within their own times only", () => {
  const wanted = [3, 1, 2].map((hour) => ({
    messageId: `m${hour}`,
    originalTimestamp: hour * HOUR,
    receivedAt: 9 * DAY,
  }));
  expect(lookupsOf(wanted)).toEqual([
    expect.objectContaining({ sql: "deliver/stored_message_ids", ids: ["m3", "m1", "m2"], from: HOUR, to: 3 * HOUR }),
  ]);
});

test("one event from long ago does not widen the search for the others", () => {
  const wanted = [100, 0, 100].map((day) => ({
    messageId: `d${day}`,
    originalTimestamp: day * DAY,
    receivedAt: 101 * DAY,
  }));
  expect(lookupsOf(wanted).map(({ ids, from, to }) => [ids.length, to - from])).toEqual([
    [2, 0],
    [1, 0],
  ]);
});

test("an event without a time of its own is searched two days around its arrival", () => {
  const wanted = [{ messageId: "m", originalTimestamp: undefined, receivedAt: 10 * DAY }];
  expect(lookupsOf(wanted)).toEqual([
    expect.objectContaining({ sql: "deliver/stored_message_ids_received", from: 8 * DAY, to: 12 * DAY }),
  ]);
});

test("more ids than fit one request are several requests that miss none", () => {
  const wanted = Array.from({ length: 1_000 }, (_, index) => ({
    messageId: `${index}`.padStart(512, "x"),
    originalTimestamp: index,
    receivedAt: index,
  }));
  const lookups = lookupsOf(wanted);
  expect(lookups.length).toBeGreaterThan(5);
  expect(lookups.flatMap(({ ids }) => ids)).toEqual(wanted.map(({ messageId }) => messageId));
});
