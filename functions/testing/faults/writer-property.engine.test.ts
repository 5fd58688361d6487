import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import { wrongTotals } from "../derived-totals.ts";
import { brokenIn } from "./invariants.ts";
import { runWriter, WRITER_FAULTS } from "./run-writer.ts";
import { createSchedule } from "./schedule.ts";
import { openWriterSystem, type WriterSystem } from "./writer-system.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });
log.level = "silent";

/** `FAULT_SEED=7` runs that one; `WRITER_SEEDS=20` as many from the first. */
const { FAULT_SEED, WRITER_SEEDS = "1" } = process.env;
const SEEDS = FAULT_SEED ? [Number(FAULT_SEED)] : Array.from({ length: Number(WRITER_SEEDS) }, (_, index) => index + 1);
const RECORDS = 4_000;

let system: WriterSystem;
beforeAll(async () => {
  system = await openWriterSystem(inject("engines"));
});
afterAll(() => system?.close());

test.each(SEEDS)(
  "seed %i: 4,000 records under halving, crashes and new cuts are as many rows as events were sent, in order, and every total derived from them is right",
  async (seed) => {
    const schedule = createSchedule(seed, WRITER_FAULTS);
    const observed = await runWriter(system, schedule, RECORDS);
    const again = `again: npm run test:long -- --writer --seed ${seed}\n${schedule.happened.join("\n")}`;
    expect(brokenIn(observed), again).toEqual({});
    expect(observed.records).toBeGreaterThanOrEqual(RECORDS);
    expect([observed.rows.length, new Set(observed.rows.map(({ id }) => id)).size], again).toEqual([
      observed.sent.size,
      observed.sent.size,
    ]);
    expect(await wrongTotals(system.clickhouse), again).toEqual([]);
    // A run in which nothing happened would hold every invariant too.
    expect(schedule.happened.length).toBeGreaterThan(20);
    expect(observed.refused.size).toBeGreaterThan(2);
  },
);

test("a derived total that is not what the events say is named, with both", async () => {
  const { clickhouse } = system;
  await clickhouse.command({
    query: `INSERT INTO event_slots
      SELECT * REPLACE (events + 1 AS events, computed_at + INTERVAL 1 DAY AS computed_at)
      FROM event_slots WHERE events > 0 LIMIT 1`,
  });
  const wrong = await wrongTotals(clickhouse);
  for (const name of ["event_volume", "event_days", "event_catalog"]) {
    expect(wrong).toContainEqual(expect.stringMatching(`^${name} says .* and the events do not$`));
    expect(wrong).toContainEqual(expect.stringMatching(`^${name} does not say .* and the events do$`));
  }
});
