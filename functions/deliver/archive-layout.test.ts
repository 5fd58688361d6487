import fc from "fast-check";
import { expect, test } from "vitest";
import { seqOf } from "../testing/builders.ts";
import { readRecords, writeRecords } from "./archive-layout.ts";

const records = fc.array(
  fc.record({
    seq: fc.bigInt({ min: 0n, max: 10n ** 128n }).map(String),
    record: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
);

test("what is written is read again, in its order and byte by byte, and is the same bytes each time", () => {
  fc.assert(
    fc.property(records, (written) => {
      const bytes = writeRecords(written);
      expect([...readRecords(bytes)]).toEqual(written);
      expect(writeRecords(written).equals(bytes)).toBe(true);
    }),
  );
});

test("an object that is cut inside a record is refused, never read as another", () => {
  const record = Buffer.from("a frame");
  const bytes = writeRecords([{ seq: seqOf(1), record }]);
  for (let length = 0; length < bytes.length; length++) {
    if (length === 4) continue; // an object of no records
    expect(() => [...readRecords(bytes.subarray(0, length))], `${length} bytes`).toThrow(/archive object/);
  }
});

test("anything else is no archive object", () => {
  expect(() => [...readRecords(Buffer.from('{"version":1}'))]).toThrow("no archive object");
});
