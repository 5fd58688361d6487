import { expect, test } from "vitest";
import { createInTurn } from "./in-turn.ts";

test("what has one name runs one after the other, in its order, also behind a failure; others do not wait", async () => {
  const inTurn = createInTurn();
  const [steps, gate] = [[] as string[], Promise.withResolvers<void>()];
  const work =
    (step: string, waits: Promise<void> = Promise.resolve()) =>
    async () => {
      steps.push(`${step} begins`);
      await waits;
      steps.push(`${step} ends`);
      return step;
    };
  const first = inTurn("a", work("first", gate.promise));
  const failing = inTurn("a", () => Promise.reject(new Error("away")));
  const last = inTurn("a", work("last"));
  expect(await inTurn("b", work("other"))).toBe("other");
  expect(steps).toEqual(["first begins", "other begins", "other ends"]);
  gate.resolve();
  await expect(failing).rejects.toThrow("away");
  expect([await first, await last]).toEqual(["first", "last"]);
  expect(steps.slice(3)).toEqual(["first ends", "last begins", "last ends"]);
});
