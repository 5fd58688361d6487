import { expect, test } from "vitest";
import { createOwed, type Owed } from "./owed.ts";

const part = (workspaceId: string, ids: number, from = 0): Owed => ({
  bucket: "dedup",
  workspaceId,
  ids: Array.from({ length: ids }, (_, index) => `${from + index}`),
});
const counts = (owed: readonly Owed[]) => owed.map(({ workspaceId, ids }) => [workspaceId, ids.length]);

test("what is owed for one workspace goes together, of another or another bucket apart, and once", () => {
  const { add, take } = createOwed();
  for (const one of [part("a", 2), part("a", 1, 2), part("b", 1), part("b", 0)]) add(one);
  add({ ...part("b", 1), bucket: "dedup:import" });
  expect(take()).toEqual([part("a", 3), part("b", 1), { ...part("b", 1), bucket: "dedup:import" }]);
  expect(take()).toEqual([]);
});

test("a trip carries so much of it, the oldest first, at least one part", () => {
  const { add, take } = createOwed();
  for (const one of [part("a", 5_000), part("b", 1_500), part("c", 1_500)]) add(one);
  expect([counts(take()), counts(take()), counts(take()), take()]).toEqual([
    [["a", 5_000]],
    [["b", 1_500]],
    [["c", 1_500]],
    [],
  ]);
  for (let n = 0; n < 120; n++) add(part(`w${n}`, 1));
  expect([take().length, take().length, take().length]).toEqual([50, 50, 20]);
});

test("an outage of any length fills no memory: the oldest are forgotten", () => {
  const { add, take } = createOwed();
  for (let n = 0; n < 100; n++) add(part(`w${n}`, 1_000));
  const all: Owed[] = [];
  for (let more = take(); more.length > 0; more = take()) all.push(...more);
  expect([all.length, all[0]?.workspaceId, all.at(-1)?.workspaceId]).toEqual([20, "w80", "w99"]);
  add(part("x", 30_000));
  expect(take()).toEqual([]);
});
