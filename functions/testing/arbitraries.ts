import fc from "fast-check";
import { CONTEXT_COLUMNS } from "../event/columns.ts";
import { type CheckedEvent, EVENT_TYPES, type Json, type JsonObject } from "../event/event.ts";
import { NOW } from "./builders.ts";

/** Half of them from the scripts that people use most, half from anywhere; never half of a surrogate pair. */
const characters = fc
  .oneof(fc.integer({ min: 0, max: 0x5ff }), fc.integer({ min: 0, max: 0x10_ffff }))
  .map((point) => String.fromCodePoint(point >= 0xd800 && point < 0xe000 ? 0xfffd : point));

/** Names as strange as they come. */
export const anyNames: fc.Arbitrary<string> = fc.array(characters, { maxLength: 10 }).map((all) => all.join(""));

/** Well-formed texts of every script, and the lengths at which a length prefix grows by a byte. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: anyNames },
  { weight: 1, arbitrary: fc.constantFrom(127, 128, 16_383, 16_384).map((length) => "x".repeat(length)) },
  { weight: 1, arbitrary: fc.constantFrom(42, 43, 5_461, 5_462).map((length) => "語".repeat(length)) },
);

const flatJson: fc.Arbitrary<JsonObject> = fc.dictionary(
  anyNames.filter((name) => name !== "" && name !== "__proto__"),
  fc.oneof(
    texts,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string()),
  ),
  { maxKeys: 5, noNullPrototype: true },
) as fc.Arbitrary<JsonObject>;

/** Anything that JSON can say, deep and odd names included. */
export const anyJson: fc.Arbitrary<Json> = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;

const times = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2299, 11, 31) });

export const checkedEvents: fc.Arbitrary<CheckedEvent> = fc.record({
  type: fc.constantFrom(...EVENT_TYPES),
  messageId: texts,
  event: texts,
  userId: texts,
  anonymousId: texts,
  groupId: texts,
  previousId: texts,
  name: texts,
  category: texts,
  originalTimestamp: fc.option(times, { nil: undefined }),
  sentAt: fc.option(times, { nil: undefined }),
  receivedAt: fc.constant(NOW),
  timestamp: times,
  properties: flatJson,
  traits: flatJson,
  context: fc
    .tuple(
      flatJson,
      fc.dictionary(fc.constantFrom(...CONTEXT_COLUMNS), fc.oneof(texts, fc.integer(), fc.constant(null))),
    )
    .map(([rest, own]) => ({ ...rest, ...own })) as fc.Arbitrary<JsonObject>,
  flat: fc.constant(true as const),
  sourceId: fc.uuid(),
  suspect: fc.boolean(),
  warnings: fc.subarray(["bad_timestamp", "clock_skew", "schema_full"] as const),
});
