import { expect, test } from "vitest";
import { createIsShown } from "./shown.ts";

test("of each source so many requests a second are shown, and in the next second as many again", () => {
  const isShown = createIsShown(2);
  const at = (source: string, ms: number) => isShown(source, ms);
  expect([at("a", 0), at("a", 1), at("a", 999), at("b", 999)]).toEqual([true, true, false, true]);
  expect([at("a", 1_000), at("a", 1_001), at("a", 1_002)]).toEqual([true, true, false]);
});
