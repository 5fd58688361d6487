import fc from "fast-check";
import { expect, test } from "vitest";
import { aCheckedEvent, aFrame } from "../testing/builders.ts";
import { FRAME_COLUMNS } from "./columns.ts";
import { decodeFrame } from "./frame.ts";
import { faultIn } from "./frame-fault.ts";
import { everyTime, timesOf } from "./frame-times.ts";

const whole = decodeFrame(aFrame([aCheckedEvent({ messageId: "é".repeat(200) }), aCheckedEvent()]));

test("a frame as the door makes it has no fault", () => {
  expect(faultIn(whole)).toBeUndefined();
});

test.each(FRAME_COLUMNS.flatMap(({ name, wire }, at) => (wire === "String" ? [[name, at] as const] : [])))(
  "a text of %s too few, too many or cut is named",
  (name, at) => {
    const column = whole.columns[at] ?? new Uint8Array();
    for (const other of [column.subarray(0, -1), Buffer.concat([column, Buffer.from([0])]), Buffer.from([0])])
      expect(faultIn({ ...whole, columns: whole.columns.with(at, other) })).toContain(name);
  },
);

test("a frame's times are read as they were written", () => {
  const time = fc.integer({ min: -8.64e15, max: 8.64e15 });
  fc.assert(
    fc.property(fc.array(fc.tuple(time, time), { minLength: 1, maxLength: 9 }), (times) => {
      const frame = decodeFrame(
        aFrame(times.map(([timestamp, receivedAt]) => aCheckedEvent({ timestamp, receivedAt }))),
      );
      expect(timesOf(frame)).toEqual(times.map(([timestamp]) => timestamp));
      const read: [number, number][] = [];
      expect(everyTime(frame, (...both) => read.push(both) > 0)).toBe(true);
      expect(read).toEqual(times);
    }),
  );
});
