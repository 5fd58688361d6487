import { expect, test } from "vitest";
import { createChance } from "../faults/chance.ts";
import { deckOf, MISFORTUNES } from "./nemesis.ts";

const names = Object.keys(MISFORTUNES);
const drawn = (seed: number, count: number) => {
  const deck = deckOf(createChance(seed));
  return Array.from({ length: count }, () => deck.next().value);
};

test("every misfortune is drawn once before one is drawn again, in an order of the seed's own", () => {
  const first = drawn(7, names.length);
  expect(first.toSorted()).toEqual(names.toSorted());
  expect(
    drawn(7, 2 * names.length)
      .slice(names.length)
      .toSorted(),
  ).toEqual(names.toSorted());
  expect(drawn(7, names.length)).toEqual(first);
  expect(drawn(8, names.length)).not.toEqual(first);
});

test("the cache is first lost when everything else has happened: from then on every event is a suspect", () => {
  const forgetting = names.filter((name) => MISFORTUNES[name]?.forgets);
  expect(forgetting.toSorted()).toEqual(["kill cache", "kill group", "kill supervisor"]);
  expect(drawn(7, names.length).slice(-forgetting.length).toSorted()).toEqual(forgetting.toSorted());
});
