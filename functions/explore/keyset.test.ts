import fc from "fast-check";
import { expect, test } from "vitest";
import { cursorOf, positionOf } from "./keyset.ts";

test("a cursor gives back the position that it was made of", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 13 }), fc.string({ unit: "grapheme" }), (timestamp, messageId) => {
      expect(positionOf(cursorOf({ timestamp, messageId }))).toEqual({ timestamp, messageId });
    }),
  );
}, 60_000);

test("what is no cursor of ours is none, and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((text) => Buffer.from(text).toString("base64url")),
      ),
      (text) => {
        const position = positionOf(text);
        if (position) expect(positionOf(cursorOf(position))).toEqual(position);
      },
    ),
  );
  for (const text of ["", "abc", "WzEsMl0", "bnVsbA", Buffer.from('[1.5,"a"]').toString("base64url")]) {
    expect(positionOf(text)).toBeUndefined();
  }
}, 60_000);
