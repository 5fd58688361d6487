import { describe, expect, inject, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Stores } from "../../stores/open.ts";
import { aCheckedEvent, aFrame } from "../builders.ts";
import type { Fault } from "./faulty.ts";
import { brokenIn, type Invariant } from "./invariants.ts";
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
  putFrames: [...MAYBE, "partial", "partial", "reorder"],
  spill: [...MAYBE, "partial", "duplicate"],
  reject: [...MAYBE, "duplicate"],
  admit: MAYBE,
  settleClaims: [...MAYBE, "duplicate"],
  insert: [...MAYBE, "duplicate"],
  client: MAYBE,
};

const told = (seed: number, { happened }: Schedule) =>
  `again: npm run test:long -- --seed ${seed}\n${happened.join("\n")}`;

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

describe("the invariants notice", () => {
  const saboteurs: [Invariant, string, Schedule, (stores: Stores) => Stores][] = [
    [
      "I1",
      "what the stream refused is called stored",
      createSchedule(11, { putFrames: ["fail-before", "partial"] }, 0.8),
      (stores) => ({ ...stores, putFrames: async (puts) => (await stores.putFrames(puts)).map(() => "stored") }),
    ],
    [
      "I2",
      "the writer does not look at what is there",
      createSchedule(12, {}),
      (stores) => ({ ...stores, warehouse: { ...stores.warehouse, storedPositions: async () => [] } }),
    ],
    ["I3", "a record is overtaken by the next of its key", createSchedule(13, {}), overtaking],
    ["I5", "a record is made up", createSchedule(14, {}), inventing],
    [
      "I6",
      "the writer does not look for a suspect's first copy",
      createSchedule(16, { client: ["fail-after-apply"], settleClaims: ["fail-before"] }, 0.95),
      (stores) => ({ ...stores, warehouse: { ...stores.warehouse, storedMessageIds: async () => new Set<string>() } }),
    ],
    [
      "I9",
      "what is refused is logged as it came",
      createSchedule(19, {}),
      (stores) => ({
        ...stores,
        reject: async (letters) => {
          log.info({ letters }, "refused");
          await stores.reject(letters);
        },
      }),
    ],
  ];
  test.each(saboteurs)("%s when %s", async (invariant, _, schedule, sabotage) => {
    const observed = await runDoor(inject("engines"), schedule, sabotage);
    expect(Object.keys(brokenIn(observed))).toContain(invariant);
  });
});

/** Says stored, and puts a key's record only behind its next one. */
function overtaking(stores: Stores): Stores {
  const held = new Map<string, Parameters<Stores["putFrames"]>[0][number]>();
  return {
    ...stores,
    putFrames: async (puts) => {
      await stores.putFrames(puts.filter(({ partitionKey }) => held.has(partitionKey)));
      for (const put of puts) {
        const before = held.get(put.partitionKey);
        if (before) await stores.putFrames([before]);
        held.delete(put.partitionKey);
        if (!before) held.set(put.partitionKey, put);
      }
      return puts.map(() => "stored");
    },
  };
}

function inventing(stores: Stores): Stores {
  let made = 0;
  return {
    ...stores,
    putFrames: (puts) => {
      const [put] = puts;
      const workspaceId = put?.partitionKey.split(":")[0] ?? "";
      const ghost = aFrame([aCheckedEvent({ messageId: `ghost-${made++}` })], workspaceId);
      return stores
        .putFrames([...puts, { partitionKey: `ghost-${made}`, record: ghost }])
        .then((results) => results.slice(0, puts.length));
    },
  };
}
