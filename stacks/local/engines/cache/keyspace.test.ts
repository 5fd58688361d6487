import { expect, test } from "vitest";
import { createKeyspace } from "./keyspace.ts";

function keyspace(keysMax = 10) {
  const clock = { now: 1_000 };
  return { clock, space: createKeyspace({ now: () => clock.now, keysMax }) };
}

test("a key lives until its time, not a millisecond longer", () => {
  const { clock, space } = keyspace();
  space.write("a", "string", "1", 2_000);
  clock.now = 1_999;
  expect(space.read("a", "string")).toBe("1");
  clock.now = 2_000;
  expect(space.read("a", "string")).toBeUndefined();
  expect(space.remove("a")).toBe(false);
});

test("a key whose time is over makes room for a new one when it is touched or swept", () => {
  const { clock, space } = keyspace(2);
  space.write("a", "string", "1", 2_000);
  space.write("b", "string", "1", 2_000);
  expect(() => space.write("c", "string", "1")).toThrow("OOM");
  clock.now = 2_000;
  expect(space.size()).toBe(2);
  space.sweep(100);
  expect(space.size()).toBe(0);
  space.write("c", "string", "1");
});

test("sweeping takes bounded steps, goes on where it stopped and begins again", () => {
  const { clock, space } = keyspace(100);
  for (let key = 0; key < 10; key++) space.write(`short${key}`, "string", "", 2_000);
  for (let key = 0; key < 10; key++) space.write(`long${key}`, "string", "");
  clock.now = 3_000;
  const sizes = Array.from({ length: 4 }, () => {
    space.sweep(5);
    return space.size();
  });
  expect(sizes).toEqual([15, 10, 10, 10]);
  space.write("late", "string", "", 4_000);
  clock.now = 4_000;
  for (let step = 0; step < 6; step++) space.sweep(5);
  expect(space.size()).toBe(10);
});
