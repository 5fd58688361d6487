import { expect, inject, test, vi } from "vitest";
import { log } from "../../kit/log.ts";
import type { Stores } from "../../stores/open.ts";
import { aCheckedEvent, aFrame } from "../builders.ts";
import { brokenIn, type Invariant } from "./invariants.ts";
import { runDoor } from "./run-door.ts";
import { createSchedule, type Schedule } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

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
    createSchedule(16, { client: ["fail-after-apply"], settleClaims: ["fail-before"] }, 0.75),
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
test.each(saboteurs)("%s is seen to be broken when %s", async (invariant, _, schedule, sabotage) => {
  const observed = await runDoor(inject("engines"), schedule, sabotage);
  expect(Object.keys(brokenIn(observed))).toContain(invariant);
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
