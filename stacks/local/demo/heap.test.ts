import fc from "fast-check";
import { expect, test } from "vitest";
import { createHeap } from "./heap.ts";

test("whatever goes in, and whenever, the least comes out first and nothing is lost", () => {
  // A number is pushed, null pops; the model is a list that is sorted for every pop.
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 50 }))), (steps) => {
      const heap = createHeap<{ key: number }>(({ key }) => key);
      let model: number[] = [];
      for (const step of steps) {
        if (step !== null) {
          heap.push({ key: step });
          model.push(step);
        } else {
          model = model.toSorted((a, b) => a - b);
          expect(heap.peek()?.key).toBe(model[0]);
          expect(heap.pop()?.key).toBe(model.shift());
        }
      }
      const rest = model.toSorted((a, b) => a - b).map(() => heap.pop()?.key);
      expect(rest).toEqual(model.toSorted((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
