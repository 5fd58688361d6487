import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type SequenceArithmetic, type SequenceParts, withFastSequences } from "./sequence.ts";

const slow = { ...(createRequire(import.meta.url)("kinesalite/db") as SequenceArithmetic) };
const fast = withFastSequences(slow);

const parts: fc.Arbitrary<SequenceParts> = fc.record({
  shardCreateTime: fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }),
  shardIx: fc.integer({ min: 0, max: 1_000_000 }),
  seqIx: fc.oneof(fc.constant(null), fc.constant(undefined), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String)),
  seqTime: fc.option(fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }), { nil: undefined }),
  version: fc.constantFrom(undefined, 2, 1, 0),
});

test("sequence numbers are those of kinesalite, written, read and increased", () => {
  fc.assert(
    fc.property(parts, (some) => {
      const number = slow.stringifySequence(some);
      expect(fast.stringifySequence(some)).toBe(number);
      expect(fast.parseSequence(number)).toEqual(slow.parseSequence(number));
      if (some.version === 1 || some.version === 0) return;
      expect(fast.incrementSequence(number)).toBe(slow.incrementSequence(number));
      expect(fast.incrementSequence(slow.parseSequence(number), null)).toBe(slow.incrementSequence(number, null));
      expect(fast.incrementSequence(number, 1_800_000_000_000)).toBe(slow.incrementSequence(number, 1_800_000_000_000));
    }),
    { numRuns: 2_000 },
  );
});

test.each(["", "x", "12", "9".repeat(60)])(
  "what is no sequence number is refused as kinesalite refuses it: %j",
  (text) => {
    const outcome = (read: () => unknown) => {
      try {
        return read();
      } catch {
        return "refused";
      }
    };
    expect(outcome(() => fast.parseSequence(text))).toEqual(outcome(() => slow.parseSequence(text)));
  },
);
