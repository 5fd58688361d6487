import { expect, test } from "vitest";
import { aSource } from "../../testing/builders.ts";
import { createIsolateSources } from "./isolate-sources.ts";

const source = aSource();

function isolateSources() {
  const clock = { now: 1_000 };
  return { clock, sources: createIsolateSources({ now: () => clock.now, isolateMs: 5_000 }) };
}

test("a source is known for five seconds, an unknown lookup for one", () => {
  const { clock, sources } = isolateSources();
  sources.set("a", source);
  sources.set("b", null);
  clock.now += 999;
  expect([sources.get("a"), sources.get("b"), sources.get("c")]).toEqual([source, null, undefined]);
  clock.now += 1;
  expect([sources.get("a"), sources.get("b")]).toEqual([source, undefined]);
  clock.now += 4_000;
  expect(sources.get("a")).toBeUndefined();
});

test("a flood of guessed keys neither grows the memory nor pushes out a real one", () => {
  const { sources } = isolateSources();
  sources.set("real", source);
  for (let guess = 0; guess < 30_000; guess++) sources.set(`guess${guess}`, null);
  expect(sources.get("real")).toEqual(source);
  expect([sources.get("guess0"), sources.get("guess19999")]).toEqual([undefined, undefined]);
  expect([sources.get("guess20000"), sources.get("guess29999")]).toEqual([null, null]);
});

test("a lookup that came to be is known although it was unknown a moment ago", () => {
  const { sources } = isolateSources();
  sources.set("a", null);
  sources.set("a", source);
  expect(sources.get("a")).toEqual(source);
});

test("one lookup is forgotten at once, or all of them, unknown ones too", () => {
  const { sources } = isolateSources();
  for (const lookup of ["a", "b"]) sources.set(lookup, source);
  for (const lookup of ["x", "y"]) sources.set(lookup, null);
  sources.forget("a");
  sources.forget("x");
  expect(["a", "b", "x", "y"].map(sources.get)).toEqual([undefined, source, undefined, null]);
  sources.forget();
  expect(["b", "y"].map(sources.get)).toEqual([undefined, undefined]);
});
