import fc from "fast-check";
import { expect, test } from "vitest";
import { AWAY, handBatches, type Row } from "../testing/hand-batches.ts";
import type { TableSettings } from "./batching.ts";
import { createBreaker } from "./breaker.ts";

const BREAKER = { maxFailures: 3, resetTimeoutMs: 2_000 };
const TABLES = 4;

type Step =
  | { do: "add"; table: number; bytes: number }
  | { do: "end"; nth: number; ok: boolean }
  | { do: "pass"; ms: number }
  | { do: "drain" };
const anAdd = fc.record({
  do: fc.constant("add" as const),
  table: fc.nat(TABLES - 1),
  bytes: fc.integer({ min: 1, max: 40 }),
});
const anEnd = fc.record({ do: fc.constant("end" as const), nth: fc.nat(2), ok: fc.boolean() });
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: anAdd },
  { weight: 6, arbitrary: anEnd },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(1_500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drain" as const) }) },
);
const someSettings: fc.Arbitrary<TableSettings> = fc.record({
  strategy: fc.constantFrom("immediate", "time", "size", "hybrid", "memory", "adaptive"),
  rowsMax: fc.integer({ min: 1, max: 8 }),
  waitMsMax: fc.constantFrom(0, 100, 1_000),
  bytesMax: fc.integer({ min: 40, max: 200 }),
  priority: fc.integer({ min: 1, max: 4 }),
  retryAttempts: fc.nat(3),
  compressed: fc.boolean(),
});
const aWorld = fc.record({
  settings: fc.array(someSettings, { minLength: TABLES, maxLength: TABLES }),
  flushesMax: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(aStep, { maxLength: 150, size: "max" }),
});
type World = typeof aWorld extends fc.Arbitrary<infer Value> ? Value : never;

test("whatever the order of adds, ends, waits and drains: each held row is stored once, in order, in its table, within its memory", async () => {
  await fc.assert(
    fc.asyncProperty(aWorld, async (world) => {
      const run = watched(world);
      for (const step of world.steps) await run.take(step);
      await run.endWell();
      expect(run.wrong).toEqual([]);
      for (const { held, stored, heldBytes } of run.tables) expect([stored, heldBytes]).toEqual([held, 0]);
      const { heldRows, heldBytes } = run.on.figures();
      expect([run.on.timers.size, heldRows, heldBytes]).toEqual([0, 0, 0]);
    }),
    { numRuns: 400 },
  );
});

/** Batches behind a real breaker, and a book kept apart from theirs: what was held, what was stored, what went wrong. */
function watched({ settings, flushesMax }: World) {
  const tables = settings.map((each) => ({ ...each, held: [] as number[], stored: [] as number[], heldBytes: 0 }));
  const flying: { table: string; end: (ok: boolean) => void }[] = [];
  const wrong: string[] = [];
  const check = (right: boolean, what: string) => {
    if (!right) wrong.push(what);
  };
  const of = (table: string) => {
    const found = tables[Number(table)];
    if (!found) throw new Error(`no table ${table}`);
    return found;
  };

  const breaker = createBreaker({ now: () => on.now(), settings: BREAKER });
  const write = (table: string, rows: readonly Row[]): Promise<void> => {
    check(rows.length > 0 && rows.length <= of(table).rowsMax, "a batch of another size");
    check(
      rows.every((row) => row.table === table),
      "a row in another table",
    );
    check(!flying.some((other) => other.table === table), "two batches of one table");
    check(flying.length < flushesMax, "more batches than the sink takes");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (ok: boolean) => {
      if (!ok) return reject(AWAY);
      of(table).stored.push(...rows.map(({ id }) => id));
      of(table).heldBytes -= rows.reduce((sum, { bytes }) => sum + bytes, 0);
      resolve();
    };
    flying.push({ table, end });
    return promise;
  };
  const on = handBatches({
    ports: { settingsOf: of, flushesMax, flush: (table, rows) => breaker.run(() => write(table, rows)) },
  });

  let lastId = 0;
  const add = (table: string, bytes: number): void => {
    const id = ++lastId;
    on.add(table, { table, id, bytes }).then(
      () => {
        of(table).held.push(id);
        of(table).heldBytes += bytes;
      },
      (error) => check(String(error).includes("could not be flushed"), `an add failed: ${error}`),
    );
  };
  const take = async (step: Step): Promise<void> => {
    if (step.do === "add") add(String(step.table), step.bytes);
    if (step.do === "pass") await on.pass(step.ms);
    if (step.do === "drain") on.drain().catch(() => undefined);
    if (step.do === "end") flying.splice(step.nth, 1)[0]?.end(step.ok);
    await on.settle();
    for (const table of tables) check(table.heldBytes <= table.bytesMax, "more than its memory");
    check(on.figures().heldBytes === tables.reduce((sum, table) => sum + table.heldBytes, 0), "wrong figures");
    check(on.timers.size <= 1, "more than one timer");
  };

  /** The sink is well again, and a drain takes all; the first may still meet the open breaker. */
  const endWell = async (): Promise<void> => {
    for (let drain = 0; drain < 3; drain++) {
      await on.pass(BREAKER.resetTimeoutMs);
      on.drain().then(
        () => check(on.figures().heldRows === 0, "a drain that left rows"),
        () => undefined,
      );
      for (let wait = 0; wait < 1_000 && on.figures().heldRows > 0; wait++) {
        for (const one of flying.splice(0)) one.end(true);
        await on.settle();
        if (wait % 100 === 99) await on.pass(1_000);
      }
    }
    await on.settle();
  };
  return { on, tables, wrong, take, endWell };
}
