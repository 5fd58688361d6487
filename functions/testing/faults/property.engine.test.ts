import { expect, inject, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Fault } from "./faulty.ts";
import { brokenIn } from "./invariants.ts";
import { runDoor } from "./run-door.ts";
import { createSchedule, type Schedule } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

/** `FAULT_SEED=7` runs that one; `FAULT_SEEDS=50` as many from the first. */
const { FAULT_SEED, FAULT_SEEDS = "5" } = process.env;
const SEEDS = FAULT_SEED ? [Number(FAULT_SEED)] : Array.from({ length: Number(FAULT_SEEDS) }, (_, index) => index + 1);

const MAYBE: readonly Fault[] = ["fail-before", "fail-after-apply", "delay"];
const FAULTS: Record<string, readonly Fault[]> = {
  // Nobody puts a record twice without knowing it: the client of the stream makes one attempt (`createPutClient`).
  putFrames: [...MAYBE, "hang", "partial", "partial", "reorder"],
  spill: [...MAYBE, "partial", "duplicate"],
  reject: [...MAYBE, "duplicate"],
  admit: MAYBE,
  settleClaims: [...MAYBE, "duplicate"],
  insert: [...MAYBE, "duplicate"],
  client: MAYBE,
  cache: ["kill"],
};

const told = (seed: number, { happened }: Schedule) =>
  `again: npm run test:long -- --door --seed ${seed}\n${happened.join("\n")}`;

test.each(SEEDS)(
  "seed %i: what was acked is stored once, dead or refused, in order, and nothing else is there",
  async (seed) => {
    const schedule = createSchedule(seed, FAULTS);
    const observed = await runDoor(inject("engines"), schedule);
    expect(brokenIn(observed), told(seed, schedule)).toEqual({});
    // A run in which nothing happened would hold every invariant too.
    expect(schedule.happened.length).toBeGreaterThan(20);
    for (const ids of [observed.acked, observed.refused]) expect(ids.size).toBeGreaterThan(10);
  },
);
