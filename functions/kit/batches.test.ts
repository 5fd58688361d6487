import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BatchPorts, createBatches } from "./batches.ts";
import { type TableSettings, tableSettings } from "./batching.ts";
import { type Attempt, createBreaker } from "./breaker.ts";

type Row = { table: string; id: number; bytes: number };
type Flight = {
  table: string;
  rows: readonly Row[];
  end: (how: "store" | "fail" | { tryAgainAt: number }) => Promise<void>;
};
const AWAY = new Error("away");
const STORED: Attempt<unknown> = { kind: "done", value: undefined };

/** Batches on a clock that is moved by hand, and a sink whose every flush ends when it is told to. */
function bench(options: { settings?: Partial<TableSettings>; ports?: Partial<BatchPorts<Row>> } = {}) {
  let ms = 1_000_000;
  let lastId = 0;
  const timers = new Map<number, { at: number; run: () => void }>();
  const flights: Flight[] = [];
  const asked: Row[][] = [];
  const stored: Row[] = [];
  const failures: [table: string, failures: number][] = [];
  const settle = async () => {
    for (let tick = 0; tick < 20; tick++) await Promise.resolve();
  };

  const batches = createBatches<Row>({
    settingsOf: (table) => ({ ...tableSettings(table), ...options.settings }),
    bytesOf: ({ bytes }) => bytes,
    flush: (table, rows) => {
      const { promise, resolve, reject } = Promise.withResolvers<Attempt<unknown>>();
      asked.push([...rows]);
      const end: Flight["end"] = async (how) => {
        flights.splice(flights.indexOf(flight), 1);
        if (how === "store") stored.push(...rows);
        if (how === "fail") reject(AWAY);
        else resolve(how === "store" ? STORED : { kind: "open", ...how });
        await settle();
      };
      const flight = { table, rows, end };
      flights.push(flight);
      return promise;
    },
    failed: (table, _, count) => failures.push([table, count]),
    now: () => ms,
    after: (delay, run) => {
      const id = ++lastId;
      timers.set(id, { at: ms + delay, run });
      return () => timers.delete(id);
    },
    ...options.ports,
  });

  let made = 0;
  return {
    ...batches,
    settle,
    flights,
    timers,
    asked,
    stored,
    failures,
    now: () => ms,
    /** Adds so many rows; resolves with how many were held when nothing more happened by itself. */
    put: async (table: string, rows: number, bytes = 1): Promise<number> => {
      let held = 0;
      for (let row = 0; row < rows; row++)
        batches.add(table, { table, id: ++made, bytes }).then(
          () => held++,
          () => undefined,
        );
      await settle();
      return held;
    },
    /** Lets time pass, timer by timer. */
    pass: async (forMs: number): Promise<void> => {
      const end = ms + forMs;
      for (;;) {
        const next = [...timers].sort(([, a], [, b]) => a.at - b.at).find(([, { at }]) => at <= end);
        if (!next) break;
        timers.delete(next[0]);
        ms = Math.max(ms, next[1].at);
        next[1].run();
        await settle();
      }
      ms = end;
    },
  };
}
const sizes = (batches: readonly (readonly Row[])[]) => batches.map((rows) => rows.length);
const tablesOf = (batches: readonly (readonly Row[])[]) => batches.map(([first]) => first?.table);
const storeAll = async (on: ReturnType<typeof bench>) => {
  for (let next = on.flights[0]; next; next = on.flights[0]) await next.end("store");
};

describe("rows go to their table by its strategy", () => {
  test("events: a thousand at once, fewer after two seconds", async () => {
    const on = bench();
    await on.put("events", 999);
    await on.pass(1_999);
    expect(on.asked).toEqual([]);
    await on.put("events", 1);
    expect(sizes(on.asked)).toEqual([1_000]);
    await storeAll(on);
    await on.put("events", 3);
    await on.pass(1_999);
    expect(on.asked.length).toBe(1);
    await on.pass(1);
    expect(sizes(on.asked)).toEqual([1_000, 3]);
  });

  test("payments: each by itself, at once", async () => {
    const on = bench();
    await on.put("payments", 3);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([1, 1, 1]);
  });

  test("mthreads: all that waits every five seconds, in batches of a hundred", async () => {
    const on = bench();
    await on.put("mthreads", 250);
    await on.pass(4_999);
    expect(on.asked).toEqual([]);
    await on.pass(1);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([100, 100, 50]);
  });

  test("by size alone a part of a batch waits, and no timer runs for it", async () => {
    const on = bench({ settings: { strategy: "size", rowsMax: 10 } });
    await on.put("any", 25);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([10, 10]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 5]);
  });

  test("by memory alone all goes when it is full", async () => {
    const on = bench({ settings: { strategy: "memory", bytesMax: 100, rowsMax: 1_000 } });
    await on.put("any", 9, 10);
    await on.pass(3_600_000);
    expect(on.asked).toEqual([]);
    await on.put("any", 1, 10);
    expect(sizes(on.asked)).toEqual([10]);
  });

  test("by load: a sink that grows slow gets larger batches, less often", async () => {
    const on = bench({ settings: { strategy: "adaptive", rowsMax: 1_000, waitMsMax: 2_000 } });
    for (let second = 0; second < 20; second++) {
      for (let part = 0; part < 50; part++) {
        await on.put("any", 2);
        await on.pass(20);
        const tookMs = second < 10 ? 20 : 400;
        for (const flight of [...on.flights]) {
          await on.pass(tookMs);
          await flight.end("store");
        }
      }
    }
    const [early, late] = [on.asked.slice(5, 10), on.asked.slice(-5)];
    expect(Math.min(...sizes(late))).toBeGreaterThan(1.1 * Math.max(...sizes(early)));
  });
});

describe("when the sink is slow or away", () => {
  test("what is urgent goes first, and a table that waits long enough goes before it", async () => {
    const on = bench({ settings: { strategy: "immediate" } });
    await on.put("other", 1);
    for (const table of ["mstore", "events", "mthreads", "payments"]) await on.put(table, 1);
    await on.flights[0]?.end("store");
    for (let round = 0; round < 7; round++) {
      await on.put("payments", 1);
      await on.pass(600);
      await on.flights[0]?.end("store");
    }
    await storeAll(on);
    const order = tablesOf(on.asked);
    expect(order.slice(0, 2)).toEqual(["other", "payments"]);
    const first = (table: string) => order.indexOf(table);
    expect(first("mthreads")).toBeLessThan(first("events"));
    expect(first("events")).toBeLessThan(first("mstore"));
    expect(first("mstore")).toBeLessThan(order.lastIndexOf("payments"));
  });

  test("a row that finds no room waits outside, in order, until a flush has made some", async () => {
    const on = bench({ settings: { bytesMax: 100 } });
    expect(await on.put("any", 15, 10)).toBe(10);
    expect(sizes(on.asked)).toEqual([10]);
    expect(on.figures()).toMatchObject({ heldRows: 10, heldBytes: 100 });
    expect(await on.put("any", 1, 1)).toBe(0);
    await on.flights[0]?.end("store");
    expect(on.figures()).toMatchObject({ heldRows: 6, heldBytes: 51 });
    await on.pass(3_000);
    await storeAll(on);
    expect(on.stored.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
  });

  test("a slow table does not hold up the adds of another", async () => {
    const on = bench({ settings: { bytesMax: 10 } });
    expect(await on.put("slow", 3, 10)).toBe(1);
    expect(await on.put("other", 1, 10)).toBe(1);
  });

  test("a row that never fits is refused, and the others are not touched", async () => {
    const on = bench({ settings: { bytesMax: 100 } });
    await expect(on.add("any", { table: "any", id: 0, bytes: 101 })).rejects.toMatchObject({
      code: "payload_too_large",
    });
    expect(await on.put("any", 1, 100)).toBe(1);
  });

  test("a batch that failed goes again with exactly its rows, later each time, and what came since goes after it", async () => {
    const on = bench({ settings: { strategy: "size", rowsMax: 3 } });
    await on.put("any", 3);
    const pauses: number[] = [];
    for (let failure = 0; failure < 12; failure++) {
      await on.flights[0]?.end("fail");
      await on.put("any", 1);
      const since = on.now();
      while (on.flights.length === 0) await on.pass(100);
      pauses.push(on.now() - since);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    await storeAll(on);
    expect(on.asked.slice(0, 13).map((rows) => rows.map(({ id }) => id))).toEqual(Array(13).fill([1, 2, 3]));
    expect(on.stored.map(({ id }) => id)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
    expect(on.failures.at(-1)).toEqual(["any", 12]);
    expect(on.figures()).toMatchObject({ batches: 5, rows: 15, failed: 12, heldRows: 0, heldBytes: 0 });
  });

  test("a failing table does not hold the others", async () => {
    const on = bench({ settings: { strategy: "immediate" } });
    await on.put("bad", 1);
    await on.flights[0]?.end("fail");
    await on.put("good", 1);
    expect(tablesOf(on.asked)).toEqual(["bad", "good"]);
  });

  test("while the breaker is open nothing is asked, and at its time the same batch goes", async () => {
    const on = bench({ settings: { strategy: "immediate" } });
    await on.put("any", 2);
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    await on.put("other", 1);
    await on.pass(29_999);
    expect(on.asked.length).toBe(1);
    expect(on.timers.size).toBe(1);
    await on.pass(1);
    expect(on.asked[1]).toEqual(on.asked[0]);
    await storeAll(on);
    expect(on.stored.length).toBe(3);
  });

  test("as many batches are in flight as the sink takes, never two of one table", async () => {
    const on = bench({ settings: { strategy: "immediate" }, ports: { flushesMax: 2 } });
    for (const table of ["a", "a", "b", "c"]) await on.put(table, 1);
    expect(on.flights.map(({ table }) => table)).toEqual(["a", "b"]);
    await on.flights[1]?.end("store");
    expect(on.flights.map(({ table }) => table)).toEqual(["a", "c"]);
  });

  test("a sink that adds a row while it is asked leaves one timer, and the row is flushed", async () => {
    let again = true;
    const on = bench({
      ports: {
        flushesMax: 4,
        flush: async (_, rows) => {
          on.stored.push(...rows);
          if (again) void on.add("audit", { table: "audit", id: 99, bytes: 1 });
          again = false;
          return STORED;
        },
      },
    });
    await on.put("payments", 1);
    expect(on.timers.size).toBe(1);
    await on.pass(3_000);
    expect(on.stored.map(({ table }) => table)).toEqual(["payments", "audit"]);
    expect(on.timers.size).toBe(0);
  });
});

describe("drain", () => {
  test("flushes all that is held, what waits for room and what is in flight included, and leaves no timer", async () => {
    const on = bench({ settings: { bytesMax: 50 } });
    await on.put("any", 8, 10);
    await on.put("events", 2);
    const drained = on.drain();
    expect(on.drain()).toBe(drained);
    await storeAll(on);
    await drained;
    expect(on.stored.length).toBe(10);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 0]);
  });

  test("is over at once when nothing is held", async () => {
    const on = bench();
    await on.drain();
    expect(on.timers.size).toBe(0);
  });

  test("tries a failing table as often as it is configured, the others once, then says what is left and keeps it", async () => {
    const on = bench();
    await on.put("events", 2);
    await on.put("mstore", 1);
    const drained = on.drain();
    const refused = expect(drained).rejects.toMatchObject({
      message: "rows could not be flushed: mstore",
      cause: AWAY,
    });
    await on.flights[0]?.end("store");
    for (let attempt = 0; attempt < 3; attempt++) {
      await on.flights[0]?.end("fail");
      await on.pass(1_000);
    }
    await refused;
    expect(tablesOf(on.asked)).toEqual(["events", "mstore", "mstore", "mstore"]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 1]);

    const again = on.drain();
    await storeAll(on);
    await again;
    expect(on.stored.length).toBe(3);
  });

  test("does not wait for an open breaker: what waited for room is refused, what was held is kept until the next add", async () => {
    const on = bench({ settings: { bytesMax: 10 } });
    await on.put("any", 1, 10);
    const outside = expect(on.add("any", { table: "any", id: 99, bytes: 10 })).rejects.toThrow("could not be flushed");
    const refused = expect(on.drain()).rejects.toThrow("could not be flushed: any");
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    await Promise.all([outside, refused]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 1]);

    await on.put("other", 1);
    await on.pass(30_000);
    await storeAll(on);
    await on.pass(3_000);
    await storeAll(on);
    expect(on.stored.map(({ table }) => table)).toEqual(["any", "other"]);
  });
});

type Step =
  | { do: "add"; table: number; bytes: number }
  | { do: "end"; nth: number; ok: boolean }
  | { do: "pass"; ms: number }
  | { do: "drain" };
const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("add" as const), table: fc.nat(3), bytes: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("end" as const), nth: fc.nat(2), ok: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(1_500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drain" as const) }) },
);
const someSettings = fc.record({
  strategy: fc.constantFrom("immediate", "time", "size", "hybrid", "memory", "adaptive"),
  rowsMax: fc.integer({ min: 1, max: 8 }),
  waitMsMax: fc.constantFrom(0, 100, 1_000),
  bytesMax: fc.integer({ min: 40, max: 200 }),
  priority: fc.integer({ min: 1, max: 4 }),
  retryAttempts: fc.nat(3),
  compressed: fc.boolean(),
});
const BREAKER = { maxFailures: 3, resetTimeoutMs: 2_000 };

test("whatever the order of adds, ends, waits and drains: every row that was held is stored once, in order, in its table, within its memory", async () => {
  const worlds = fc.record({
    settings: fc.array(someSettings, { minLength: 4, maxLength: 4 }),
    flushesMax: fc.integer({ min: 1, max: 3 }),
    steps: fc.array(aStep, { maxLength: 120 }),
  });
  await fc.assert(
    fc.asyncProperty(worlds, async ({ settings, flushesMax, steps }) => {
      const flying: { rows: readonly Row[]; end: (ok: boolean) => void }[] = [];
      const stored = new Map<string, number[]>();
      const held = new Map<string, { ids: number[]; bytes: number }>();
      const of = (table: string) => settings[Number(table)] ?? tableSettings(table);
      const at = { now: () => on.now() };
      const breaker = createBreaker({ ...at, settings: BREAKER });
      const sink = (table: string, rows: readonly Row[]) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        expect(rows.length).toBeGreaterThan(0);
        expect(rows.length).toBeLessThanOrEqual(of(table).rowsMax);
        expect(flying.some((other) => other.rows[0]?.table === table)).toBe(false);
        const end = (ok: boolean) => {
          if (!ok) return reject(AWAY);
          for (const row of rows) {
            expect(row.table).toBe(table);
            stored.set(table, [...(stored.get(table) ?? []), row.id]);
            bytesOf(held, table).bytes -= row.bytes;
          }
          resolve();
        };
        flying.push({ rows, end });
        expect(flying.length).toBeLessThanOrEqual(flushesMax);
        return promise;
      };
      const on = bench({
        ports: { settingsOf: of, flushesMax, flush: (table, rows) => breaker.run(() => sink(table, rows)) },
      });
      const within = () => {
        for (const [table, { bytes }] of held) expect(bytes).toBeLessThanOrEqual(of(table).bytesMax);
        expect(on.figures().heldBytes).toBe([...held.values()].reduce((sum, { bytes }) => sum + bytes, 0));
        expect(on.timers.size).toBeLessThanOrEqual(1);
      };
      const drains: Promise<unknown>[] = [];
      let id = 0;
      for (const step of steps) {
        if (step.do === "add") {
          const row = { table: String(step.table), id: ++id, bytes: step.bytes };
          on.add(row.table, row).then(
            () => {
              const mine = bytesOf(held, row.table);
              mine.ids.push(row.id);
              mine.bytes += row.bytes;
            },
            (error) => expect(String(error)).toContain("could not be flushed"),
          );
        }
        if (step.do === "pass") await on.pass(step.ms);
        if (step.do === "drain") drains.push(on.drain().catch(() => undefined));
        if (step.do === "end") flying.splice(step.nth, 1)[0]?.end(step.ok);
        await on.settle();
        within();
      }
      await endWell(on, flying, drains);
      expect([on.timers.size, on.figures().heldRows, on.figures().heldBytes]).toEqual([0, 0, 0]);
      for (const [table, { ids, bytes }] of held) expect([stored.get(table), bytes]).toEqual([ids, 0]);
      expect([...stored.keys()].sort()).toEqual([...held.keys()].sort());
    }),
    { numRuns: 400 },
  );
});

const bytesOf = (held: Map<string, { ids: number[]; bytes: number }>, table: string) => {
  const mine = held.get(table) ?? { ids: [], bytes: 0 };
  held.set(table, mine);
  return mine;
};

/** The sink is well again, and what is held is drained. */
async function endWell(
  on: ReturnType<typeof bench>,
  flying: { end: (ok: boolean) => void }[],
  drains: Promise<unknown>[],
): Promise<void> {
  let drained = false;
  while (!drained) {
    await on.pass(BREAKER.resetTimeoutMs);
    let over: boolean | undefined;
    on.drain().then(
      () => (over = true),
      () => (over = false),
    );
    await on.settle();
    while (over === undefined) {
      for (const one of flying.splice(0)) one.end(true);
      await on.pass(100);
      await on.settle();
    }
    drained = over;
  }
  await Promise.all(drains);
}
