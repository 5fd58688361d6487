import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonText } from "./json-text.ts";

const INTEGERS = /(?<=[[:,])-?\d+(?=[,\]}])/g;
const withoutStrings = (text: string) => text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
const numbers = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1e22, max: 1e22, noNaN: true }).map(Math.round),
  fc.constantFrom(2 ** 63, -(2 ** 63), 2 ** 64, -(2 ** 64), 1e18, -1e19, 1e20, 1e21),
);
const bags = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('"', "12345678901234567890123", '\\"')),
  fc.oneof(numbers, fc.string(), fc.array(numbers), fc.constantFrom("99999999999999999999", 'a" 99999999999999999999')),
  { noNullPrototype: true },
);

test("the text means what was given, and has no integer that 64 bits cannot hold", () => {
  fc.assert(
    fc.property(bags, (bag) => {
      const text = jsonText(bag);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(bag)));
      for (const [digits] of withoutStrings(text).matchAll(INTEGERS)) {
        expect(BigInt(digits) >= -(2n ** 63n) && BigInt(digits) < 2n ** 64n).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
}, 60_000);

test.each([
  [{ n: 1e20 }, '{"n":1e+20}'],
  [{ n: [-(2 ** 63), 1] }, '{"n":[-9.223372036854776e+18,1]}'],
  [{ n: 2 ** 63 }, '{"n":9223372036854776000}'],
  [{ n: "100000000000000000000" }, '{"n":"100000000000000000000"}'],
  [{ "\ud800": ["\udc00x", "\\ud800", "😀\\\ud83d"] }, '{"\ufffd":["\ufffdx","\\\\ud800","😀\\\\\ufffd"]}'],
  [{ n: 1 / 810_000 }, '{"n":0.000001234567901234568}'],
])("%j is written %s", (value, text) => {
  expect(jsonText(value)).toBe(text);
});
