import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { watchLogs } from "./log-watch.ts";
import { readPortFaults, setFaults } from "./port-faults.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what befell all lives of all processes is counted by port and fault, and what went by the queue is known", () => {
  const notes = join(folder, "notes");
  setFaults(notes, false);
  writeFileSync(join(notes, "doors-0"), 'fault putFrames kill\nfault admit delay\nspill ["a","b"]\n');
  // The last line of a process that was killed while it wrote it.
  writeFileSync(join(notes, "workers-0"), 'fault admit delay\nspill ["c"]\nspill ["d');
  const { counts, detoured } = readPortFaults(notes);
  expect(Object.fromEntries(counts)).toEqual({ "putFrames kill": 1, "admit delay": 2 });
  expect([...detoured]).toEqual(["a", "b", "c"]);
});

test("a secret is seen in any log, also where two looks meet and after the log was cut", () => {
  const logs = mkdtempSync(join(folder, "logs-"));
  const file = join(logs, "doors.log");
  writeFileSync(file, "all is well, the key is wk_se");
  const watch = watchLogs(logs, () => ["wk_secret", "hunter2", "never"], ["TOO_MANY_PARTS"]);
  expect([...watch.found()]).toEqual([]);
  appendFileSync(file, "cret\ncode 252, TOO_MANY_PARTS\n");
  expect([...watch.found()]).toEqual(["wk_secret"]);
  expect(watch.marked("TOO_MANY_PARTS")).toBe(1);
  writeFileSync(file, "hunter2\n");
  expect([...watch.found()]).toEqual(["wk_secret", "hunter2"]);
  expect(watch.marked("TOO_MANY_PARTS")).toBe(1);
  watch.stop();
});
