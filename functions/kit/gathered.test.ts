import { expect, test } from "vitest";
import { gathered } from "./gathered.ts";

/** Runs that end when they are told to. */
function runs() {
  const begun: { items: readonly string[]; end: (error?: Error) => void }[] = [];
  const { ask, idle } = gathered<string>(
    (items) =>
      new Promise((resolve, reject) => {
        begun.push({ items: [...items], end: (error) => (error ? reject(error) : resolve()) });
      }),
  );
  return { ask, idle, begun, end: (index: number, error?: Error) => begun[index]?.end(error) };
}

test("what is asked while a run is under way goes together in the next one", async () => {
  const { ask, idle, begun, end } = runs();
  expect(idle()).toBe(true);
  const first = ask(["a"]);
  const others = [ask(["b"]), ask(["c", "d"])];
  expect(begun.map(({ items }) => items)).toEqual([["a"]]);
  end(0);
  await first;
  await expect.poll(() => begun.map(({ items }) => items)).toEqual([["a"], ["b", "c", "d"]]);
  const last = ask(["e"]);
  expect([begun.length, idle()]).toEqual([2, false]);
  end(1);
  await Promise.all(others);
  await expect.poll(() => begun.length).toBe(3);
  end(2);
  await last;
  expect(idle()).toBe(true);
});

test("a run that fails fails for those whose items it had, and the next one goes on", async () => {
  const { ask, begun, end } = runs();
  const first = ask(["a"]);
  const second = ask(["b"]);
  end(0, new Error("away"));
  await expect(first).rejects.toThrow("away");
  await expect.poll(() => begun.length).toBe(2);
  end(1);
  await second;
});

test("it is not idle between two runs", async () => {
  const { ask, idle, begun, end } = runs();
  const first = ask(["a"]).then(() => idle());
  const second = ask(["b"]);
  end(0);
  expect(await first).toBe(false);
  await expect.poll(() => begun.length).toBe(2);
  end(1);
  await second;
});
