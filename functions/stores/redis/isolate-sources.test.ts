import { expect, test } from "vitest";
import { createIsolateSources } from "./isolate-sources.ts";

const source = { id: "s", workspaceId: "w", name: "Shop", enabled: true };

function isolateKeys() {
  const clock = { now: 1_000 };
  return { clock, keys: createIsolateSources({ now: () => clock.now, isolateMs: 5_000 }) };
}

test("a source is known for five seconds, an unknown key for one", () => {
  const { clock, keys } = isolateKeys();
  keys.set("a", source);
  keys.set("b", null);
  clock.now += 999;
  expect([keys.get("a"), keys.get("b"), keys.get("c")]).toEqual([source, null, undefined]);
  clock.now += 1;
  expect([keys.get("a"), keys.get("b")]).toEqual([source, undefined]);
  clock.now += 4_000;
  expect(keys.get("a")).toBeUndefined();
});

test("a flood of guessed keys neither grows the memory nor pushes out a real one", () => {
  const { keys } = isolateKeys();
  keys.set("real", source);
  for (let guess = 0; guess < 30_000; guess++) keys.set(`guess${guess}`, null);
  expect(keys.get("real")).toEqual(source);
  expect([keys.get("guess0"), keys.get("guess19999")]).toEqual([undefined, undefined]);
  expect([keys.get("guess20000"), keys.get("guess29999")]).toEqual([null, null]);
});

test("a key that came to be is known although it was unknown a moment ago", () => {
  const { keys } = isolateKeys();
  keys.set("a", null);
  keys.set("a", source);
  expect(keys.get("a")).toEqual(source);
});
