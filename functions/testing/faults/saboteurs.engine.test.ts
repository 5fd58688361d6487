import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { decodeFrame, encodeColumns } from "../../event/frame.ts";
import type { Put } from "../../ingest/publish.ts";
import { log } from "../../kit/log.ts";
import type { Stores } from "../../stores/open.ts";
import { aCheckedEvent, aFrame } from "../builders.ts";
import { brokenIn, type Invariant } from "./invariants.ts";
import { runDoor } from "./run-door.ts";
import { runWriter, WRITER_FAULTS } from "./run-writer.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import { openWriterSystem, type WriterSystem } from "./writer-system.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

/** Few: a writer that is broken shows it soon. */
const RECORDS = 300;

const saboteurs: [Invariant, string, Schedule, (stores: Stores) => Stores][] = [
  [
    "I1",
    "what the stream refused is called stored",
    createSchedule(11, { putFrames: ["fail-before", "partial"] }, 0.8),
    (stores) => ({ ...stores, putFrames: async (puts) => (await stores.putFrames(puts)).map(() => "stored") }),
  ],
  ["I2", "the writer does not look at what is there", createSchedule(12, {}), withoutReadBack],
  ["I3", "a record is overtaken by the next of its key", createSchedule(13, {}), overtaking],
  ["I5", "a record is made up", createSchedule(14, {}), inventing],
  [
    "I6",
    "the writer does not look for a suspect's first copy",
    createSchedule(16, { client: ["fail-after-apply"], settleClaims: ["fail-before"] }, 0.75),
    (stores) => ({ ...stores, warehouse: { ...stores.warehouse, storedMessageIds: async () => new Set<string>() } }),
  ],
  [
    "I6",
    "the door marks nothing as suspect",
    createSchedule(17, { client: ["fail-after-apply"], settleClaims: ["fail-before"] }, 0.75),
    (stores) => ({ ...stores, putFrames: (puts) => stores.putFrames(puts.map(withoutMarks)) }),
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

const writerSaboteurs: [Invariant, string, Schedule, (stores: Stores) => Stores][] = [
  [
    "I2",
    "its inserts have no token that stands for their rows",
    createSchedule(21, { insert: ["duplicate"] }),
    ({ warehouse, ...stores }) => ({
      ...stores,
      warehouse: {
        ...warehouse,
        insert: (range, selected, _, msMax) => warehouse.insert(range, selected, randomUUID(), msMax),
      },
    }),
  ],
  ["I2", "it does not look at what is there", createSchedule(22, WRITER_FAULTS), withoutReadBack],
  [
    "I1",
    "it keeps no dead letters",
    createSchedule(23, WRITER_FAULTS),
    (stores) => ({ ...stores, reject: async () => {} }),
  ],
  [
    "I1",
    "it believes an insert of which not all was done",
    createSchedule(25, {}),
    ({ warehouse, ...stores }) => ({
      ...stores,
      warehouse: believing({
        ...warehouse,
        insert: async (range, selected, ...rest) => {
          const some = selected.slice(0, -1);
          if (some.length > 0) await warehouse.insert(range, some, ...rest);
        },
      }),
    }),
  ],
];
describe("the writer", () => {
  let system: WriterSystem;
  beforeAll(async () => {
    system = await openWriterSystem(inject("engines"));
  });
  afterAll(() => system?.close());

  test("breaks nothing as it is, with as few records", async () => {
    expect(brokenIn(await runWriter(system, createSchedule(20, WRITER_FAULTS), RECORDS))).toEqual({});
  });

  test.each(writerSaboteurs)("%s is seen to be broken when %s", async (invariant, _, schedule, sabotage) => {
    const observed = await runWriter(system, schedule, RECORDS, sabotage);
    expect(Object.keys(brokenIn(observed))).toContain(invariant);
  });
});

/** A writer that inserts whatever it is given: it neither reads what is there nor counts what it stored. */
function withoutReadBack({ warehouse, ...stores }: Stores): Stores {
  return { ...stores, warehouse: believing({ ...warehouse, storedPositions: async () => [] }) };
}

/** Counts what was said to be stored, not what is. */
function believing(warehouse: Stores["warehouse"]): Stores["warehouse"] {
  const said = new Map<string, number>();
  return {
    ...warehouse,
    storedPositions: async (range) => {
      const found = await warehouse.storedPositions(range);
      said.set(range.shard, found.length);
      return found;
    },
    insert: async (range, selected, ...rest) => {
      await warehouse.insert(range, selected, ...rest);
      const events = selected.reduce((sum, { subs }) => sum + subs.length, 0);
      said.set(range.shard, (said.get(range.shard) ?? 0) + events);
    },
    storedCount: async ({ shard }) => said.get(shard) ?? 0,
  };
}

function withoutMarks({ partitionKey, record }: Put): Put {
  const frame = decodeFrame(record);
  return { partitionKey, record: encodeColumns({ ...frame, suspects: new Uint8Array(frame.events) }) };
}

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
