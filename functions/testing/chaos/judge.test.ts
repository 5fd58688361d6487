import { describe, expect, test } from "vitest";
import { type Evidence, judge } from "./judge.ts";
import type { Shop } from "./shop.ts";

const IDS = ["a", "b", "c", "d", "e"];
const row = (id: string, n: number, position = `shard/1/${n}`) => ({ id, key: "k", n, props: id, position });
const aShop = (fields: Partial<Shop> = {}): Shop => ({
  name: "books",
  workspaceId: "w",
  writeKeys: ["wk_secret"],
  sent: new Map(IDS.map((id, n) => [id, { id, key: "k", n, props: id }])),
  acked: new Set(["a", "b"]),
  refused: new Set(["c"]),
  bad: new Set(["c"]),
  mended: new Set(),
  maybeMended: new Set(),
  ...fields,
});
const rows = [row("a", 0), row("b", 1), row("d", 3)];
/** Two acknowledged in their order, one refused, one that nobody was told of, and one that came nowhere. */
const evidence = (
  shop: Partial<Shop> = {},
  left: Partial<Evidence["shops"][number]["left"]> = {},
  more: Partial<Evidence> = {},
): Evidence => ({
  shops: [{ shop: aShop(shop), left: { rows, letters: ["c"], ...left } }],
  detoured: new Set(),
  secrets: ["wk_secret"],
  told: new Set(),
  wrongTotals: [],
  waiting: [],
  odd: new Set(),
  happened: new Map([["kill doors", 1]]),
  ackedMin: 2,
  ...more,
});
const brokenIn = (given: Evidence) =>
  judge(given).flatMap(({ name, broken }) => broken.map((what) => `${name}: ${what}`));

test("a history in which everything is as it must be breaks nothing", () => {
  expect(brokenIn(evidence())).toEqual([]);
  expect(judge(evidence()).map(({ name }) => name)).toEqual([
    "I1",
    "I2",
    "I3",
    "I5",
    "I6",
    "I9",
    "I4",
    "I10",
    "refusals",
    "injected",
  ]);
});

describe("is reported by name:", () => {
  test.each<[string, Evidence]>([
    ["I1: a was acked and is nowhere", evidence({}, { rows: rows.slice(1) })],
    ["I1: c was refused and is no dead letter", evidence({}, { letters: [] })],
    ["I1: a is stored and a dead letter", evidence({}, { letters: ["c", "a"] })],
    ["I2: a is stored twice", evidence({}, { rows: [...rows, row("a", 0, "shard/2/0")] })],
    ["I2: two rows at shard/1/0", evidence({}, { rows: [...rows, row("e", 4, "shard/1/0")] })],
    ["I3: of k, b is stored before a", evidence({}, { rows: [row("b", 1), row("a", 0)] })],
    ["I5: x was never sent", evidence({}, { rows: [...rows, row("x", 9)] })],
    ["I5: a is not what was sent", evidence({}, { rows: [{ ...row("a", 0), props: "other" }, row("b", 1)] })],
    ["I6: unknown d is stored twice", evidence({}, { rows: [...rows, row("d", 3, "shard/2/0")] })],
    ['I9: "wk_secret" is told', evidence({}, {}, { told: new Set(["wk_secret"]) })],
    ["I4: 2026-11-21 3 2", evidence({}, {}, { wrongTotals: ["2026-11-21 3 2"] })],
    ["I10: deliver is 3 behind on s", evidence({}, {}, { waiting: ["deliver is 3 behind on s"] })],
    ["refusals: b is bad and was taken", evidence({ bad: new Set(["b", "c"]) })],
    ["refusals: c is good and was refused", evidence({ bad: new Set() })],
    ["refusals: /v1/batch was answered 401", evidence({}, {}, { odd: new Set(["/v1/batch was answered 401"]) })],
    ['injected: "hang cache" never happened', evidence({}, {}, { happened: new Map([["hang cache", 0]]) })],
    ["injected: only 2 events were acknowledged, not 3", evidence({}, {}, { ackedMin: 3 })],
  ])("%s", (what, given) => {
    expect(brokenIn(given)).toContain(what);
  });

  test("what one workspace lost, beside another that lost nothing", () => {
    const [sound, poor] = [evidence(), evidence({ name: "shoes" }, { rows: [] })];
    const both = { ...sound, shops: [...sound.shops, ...poor.shops] };
    expect(brokenIn(both)).toEqual(["I1: a was acked and is nowhere", "I1: b was acked and is nowhere"]);
  });
});

describe("a dead letter that was sent again", () => {
  const mended = { mended: new Set(["c"]), maybeMended: new Set(["c"]) };
  test("must be stored when it was mended, at any place in the order, and once", () => {
    expect(brokenIn(evidence(mended))).toEqual(["I1: c was acked and is nowhere"]);
    expect(brokenIn(evidence(mended, { rows: [row("c", 2), row("a", 0), row("b", 1)] }))).toEqual([]);
    const twice = [...rows, row("c", 2), row("c", 2, "shard/2/0")];
    expect(brokenIn(evidence(mended, { rows: twice }))).toEqual(["I2: c is stored twice"]);
  });

  test("may be stored or refused again when it was sent as it was", () => {
    const maybe = { maybeMended: new Set(["c"]) };
    expect(brokenIn(evidence(maybe))).toEqual([]);
    expect(brokenIn(evidence(maybe, { rows: [...rows, row("c", 2)] }))).toEqual([]);
    expect(brokenIn(evidence(maybe, { letters: [] }))).toEqual(["I1: c was refused and is no dead letter"]);
  });
});

test("what went by the queue keeps no order, and nothing else is forgiven", () => {
  const swapped = { rows: [row("b", 1), row("a", 0)] };
  expect(brokenIn(evidence({}, swapped, { detoured: new Set(["a"]) }))).toEqual([]);
  expect(brokenIn(evidence({}, { rows: [row("b", 1)] }, { detoured: new Set(["a"]) }))).toEqual([
    "I1: a was acked and is nowhere",
  ]);
});
