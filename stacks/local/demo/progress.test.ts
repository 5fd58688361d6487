import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";

/** A screen that keeps what is written, and a clock that is moved by hand. */
function aScreen(isTTY: boolean, environment: { NO_COLOR?: string } = {}) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const progress = createProgress(
    { isTTY, columns: 70, write: (text) => written.push(text) },
    environment,
    () => clock.ms,
  );
  return { written, clock, progress };
}
const ESCAPE = String.fromCharCode(27);

test("on a terminal one line redraws itself, at most ten times a second, and is gone at the end", () => {
  const { written, clock, progress } = aScreen(true);
  for (clock.ms = 1_000; clock.ms < 2_000; clock.ms += 10) progress.show({ settled: clock.ms, total: 4_000 });
  progress.end();
  expect(written).toHaveLength(11);
  expect(written[0]).toBe(
    `\r${ESCAPE}[36m${"█".repeat(7)}${ESCAPE}[0m${"░".repeat(21)} 1,000 of 4,000  1,000/s  3 s left${ESCAPE}[K`,
  );
  expect(written.at(-1)).toBe(`\r${ESCAPE}[K`);
});

test("a line never grows beyond the terminal, also when it says why it waits", () => {
  const { written, progress } = aScreen(true, { NO_COLOR: "1" });
  progress.show({ settled: 10, total: 20, waiting: "x".repeat(200) });
  expect(written[0]?.replaceAll(`${ESCAPE}[K`, "").trim()).toHaveLength(69);
});

test("NO_COLOR takes the colour and leaves the bar", () => {
  const { written, clock, progress } = aScreen(true, { NO_COLOR: "1" });
  clock.ms = 500;
  progress.show({ settled: 2_000, total: 4_000 });
  expect(written[0]).toContain("██");
  expect(written[0]).not.toContain(`${ESCAPE}[36m`);
});

test("into a pipe go plain lines, every three seconds", () => {
  const { written, clock, progress } = aScreen(false);
  for (clock.ms = 0; clock.ms <= 7_000; clock.ms += 500) progress.show({ settled: clock.ms, total: 14_000 });
  progress.end();
  expect(written).toEqual([
    "millrace  demo 3,000 of 14,000  1,000/s  11 s left\n",
    "millrace  demo 6,000 of 14,000  1,000/s  8 s left\n",
  ]);
});
