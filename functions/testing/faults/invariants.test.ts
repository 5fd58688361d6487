import { describe, expect, test } from "vitest";
import { brokenIn, INVARIANTS, type Invariant, type Observed } from "./invariants.ts";

const row = (id: string, n: number, position = `shard/1/${n}`) => ({ id, key: "k", n, props: id, position });
const IDS = ["a", "b", "c", "d"];
/** Two acked in their order, one refused, one that nobody knows. */
const healthy: Observed = {
  sent: new Map(IDS.map((id, n) => [id, { id, key: "k", n, props: id }])),
  acked: new Set(["a", "b"]),
  refused: new Set(["c"]),
  unknown: new Set(["d"]),
  detoured: new Set(),
  rows: [row("a", 0), row("b", 1), row("d", 3)],
  letters: ["c"],
  output: "POST /v1/track 200",
  secrets: ["wk_secret"],
};

test("what was stored, refused or never answered as it should be breaks nothing", () => {
  expect(brokenIn(healthy)).toEqual({});
  expect(brokenIn({ ...healthy, rows: healthy.rows.slice(0, 2) })).toEqual({});
});

describe("is broken", () => {
  test.each<[Invariant, string, Partial<Observed>]>([
    ["I1", "a was acked and is nowhere", { rows: [row("b", 1)] }],
    ["I1", "c was refused and is no dead letter", { letters: [] }],
    ["I1", "a is stored and a dead letter", { letters: ["c", "a"] }],
    ["I2", "a is stored twice", { rows: [...healthy.rows, row("a", 0, "shard/2/0")] }],
    ["I2", "two rows at shard/1/0", { rows: [...healthy.rows, row("b", 1, "shard/1/0")] }],
    ["I3", "of k, b is stored before a", { rows: [row("b", 1), row("a", 0)] }],
    ["I5", "x was never sent", { rows: [...healthy.rows, row("x", 4)] }],
    ["I5", "a is not what was sent", { rows: [{ ...row("a", 0), props: "other" }, row("b", 1)] }],
    ["I6", "unknown d is stored twice", { rows: [...healthy.rows, row("d", 3, "shard/2/0")] }],
    ["I9", '"wk_secret" is told', { output: "401 wk_secret" }],
  ])("%s: %s", (invariant, fault, observed) => {
    expect(brokenIn({ ...healthy, ...observed })[invariant]).toContain(fault);
  });

  test("no order by what took the detour of the queue, nor by what was not acked", () => {
    const rows = [row("b", 1), row("a", 0)];
    expect(brokenIn({ ...healthy, rows, detoured: new Set(["a"]) })).toEqual({});
    expect(brokenIn({ ...healthy, rows, acked: new Set(["a"]) })).toEqual({});
  });

  test("by name, of each invariant that there is", () => {
    expect(Object.keys(INVARIANTS)).toEqual(["I1", "I2", "I3", "I5", "I6", "I9"]);
  });
});
