import fc from "fast-check";
import { expect, test } from "vitest";
import { chunksOf } from "./chunks.ts";

test("chunks hold every item once, in order, none of them empty or above the size", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 10 }), (items, size) => {
      const chunks = chunksOf(size, items);
      expect(chunks.flat()).toEqual(items);
      for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBe(size);
      expect(chunks.at(-1)?.length ?? 1).toBeGreaterThan(0);
    }),
  );
});
