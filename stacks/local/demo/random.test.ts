import { expect, test } from "vitest";
import { createRandom, pick, uuid, waiting, weighted, whole } from "./random.ts";

const many = <T>(make: () => T, count = 20_000): T[] => Array.from({ length: count }, make);

test("a seed gives the numbers of sfc32 as another implementation computes them", () => {
  const random = createRandom("millrace");
  expect(many(random, 4).map((n) => n * 2 ** 32)).toEqual([170_014_952, 3_651_497_397, 3_690_726_633, 3_030_471_942]);
});

test("the same seed gives the same sequence, another seed another one", () => {
  expect(many(createRandom("a"), 50)).toEqual(many(createRandom("a"), 50));
  expect(many(createRandom("a"), 50)).not.toEqual(many(createRandom("b"), 50));
});

test("numbers fill 0 to 1 evenly", () => {
  const tenths = new Array<number>(10).fill(0);
  for (const n of many(createRandom("even"))) tenths[Math.floor(n * 10)] = (tenths[Math.floor(n * 10)] ?? 0) + 1;
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
});

test("ids are version 4 UUIDs, each one once", () => {
  const random = createRandom("ids");
  const ids = many(() => uuid(random));
  expect(ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toEqual(
    [],
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test("weights, bounds and means are kept", () => {
  const random = createRandom("shares");
  const often = many(() =>
    weighted(random, [
      ["a", 3],
      ["b", 1],
    ]),
  ).filter((thing) => thing === "a").length;
  expect(Math.abs(often - 15_000)).toBeLessThan(400);
  expect(new Set(many(() => whole(random, 2, 4)))).toEqual(new Set([2, 3, 4]));
  expect(many(() => waiting(random, 10)).reduce((sum, ms) => sum + ms, 0) / 20_000).toBeCloseTo(10, 0);
  const first = (skew: number) => many(() => pick(random, [1, 2, 3], skew)).filter((n) => n === 1).length;
  expect(first(2)).toBeGreaterThan(first(1) + 2_000);
});
