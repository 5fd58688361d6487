import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BatchState,
  type Load,
  NO_LOAD,
  rowsDue,
  STRATEGY_NAMES,
  type Strategy,
  sawFlush,
  sawRows,
  shouldFlush,
  type TableSettings,
  tableSettings,
  timeDue,
} from "./batching.ts";

const MB = 1_048_576;
const NOW = 1_000_000;
const SETTINGS = { ...tableSettings("any"), rowsMax: 100, waitMsMax: 2_000, bytesMax: 10 * MB };
type Waits = { rows: number; ageMs?: number; bytes?: number; crowded?: boolean; load?: Load };

const aState = (strategy: Strategy, { rows, ageMs = 0, bytes = rows, crowded = false, load = NO_LOAD }: Waits) => ({
  settings: { ...SETTINGS, strategy },
  rows,
  bytes,
  crowded,
  oldestAt: NOW - ageMs,
  load,
});

test.each<[string, Strategy, number, number, number, number, number, boolean]>([
  ["events", "hybrid", 1_000, 2, 10, 3, 3, true],
  ["payments", "immediate", 1, 0, 1, 1, 5, false],
  ["mthreads", "time", 100, 5, 5, 2, 3, false],
  ["mstore", "hybrid", 500, 3, 8, 4, 2, true],
  ["mtriage", "hybrid", 50, 2, 2, 1, 5, false],
  ["visitors", "hybrid", 200, 3, 3, 3, 3, true],
  ["__proto__", "hybrid", 200, 3, 3, 3, 3, true],
])(
  "%s has the settings of the contract's table",
  (table, strategy, rowsMax, seconds, mb, priority, retries, compressed) => {
    expect(tableSettings(table)).toEqual({
      strategy,
      rowsMax,
      waitMsMax: seconds * 1_000,
      bytesMax: mb * MB,
      priority,
      retryAttempts: retries,
      compressed,
    });
  },
);

describe("a strategy flushes when its own limit is met, and not before", () => {
  const hour = 3_600_000;
  test.each<[Strategy, Waits, due: number]>([
    ["immediate", { rows: 1 }, 1],
    ["immediate", { rows: 7, ageMs: hour }, 1],
    ["time", { rows: 1, ageMs: 1_999 }, 0],
    ["time", { rows: 5_000, ageMs: 1_999 }, 0],
    ["time", { rows: 5_000, ageMs: 2_000 }, 5_000],
    ["size", { rows: 99, ageMs: hour }, 0],
    ["size", { rows: 100 }, 100],
    ["size", { rows: 250, ageMs: hour }, 100],
    ["hybrid", { rows: 99, ageMs: 1_999 }, 0],
    ["hybrid", { rows: 100 }, 100],
    ["hybrid", { rows: 1, ageMs: 2_000 }, 1],
    ["memory", { rows: 5_000, ageMs: hour, bytes: 10 * MB - 1 }, 0],
    ["memory", { rows: 5_000, bytes: 10 * MB }, 5_000],
  ])("%s, %o: %i rows", (strategy, waits, due) => {
    expect(rowsDue(aState(strategy, waits), NOW)).toBe(due);
    expect(shouldFlush(aState(strategy, waits), NOW)).toBe(due > 0);
  });

  const strategies = Object.values(STRATEGY_NAMES);
  test("there are six, under the names of the configuration", () => {
    expect(Object.entries(STRATEGY_NAMES).length).toBe(6);
    expect(new Set(strategies).size).toBe(6);
    expect(STRATEGY_NAMES.StrategyMemoryBasedBatch).toBe("memory");
  });

  test.each(strategies)(
    "%s flushes when its memory is full or a row finds no room, and never what is empty",
    (strategy) => {
      expect(rowsDue(aState(strategy, { rows: 3, bytes: 10 * MB }), NOW)).toBeGreaterThan(0);
      expect(rowsDue(aState(strategy, { rows: 3, crowded: true }), NOW)).toBeGreaterThan(0);
      expect(rowsDue(aState(strategy, { rows: 0, ageMs: hour, crowded: true }), NOW)).toBe(0);
      expect(timeDue(aState(strategy, { rows: 0 }))).toBe(Number.POSITIVE_INFINITY);
    },
  );
});

describe("adaptive", () => {
  /** A row each so many milliseconds for half a minute, and then flushes that take so long. */
  const loadOf = (everyMs: number, flushMs: number): Load => {
    let load = NO_LOAD;
    for (let at = NOW - 30_000; at <= NOW; at += everyMs) load = sawRows(load, 1, at);
    for (let flush = 0; flush < 30; flush++) load = sawFlush(load, flushMs);
    return load;
  };
  const settings: TableSettings = { ...SETTINGS, strategy: "adaptive", rowsMax: 1_000 };
  /** The limits in force: the fewest rows that are due at once, and the wait of a single one. */
  const limits = (load: Load) => {
    const state: BatchState = { settings, rows: 1, bytes: 1, crowded: false, oldestAt: NOW, load };
    const waitMs = timeDue(state) - NOW;
    let rows = 1;
    while (rowsDue({ ...state, rows }, NOW) === 0) rows++;
    return { waitMs, rows };
  };

  test.each<[string, everyMs: number, flushMs: number, limits: { waitMs: number; rows: number }]>([
    ["a quiet table on a quick sink", 1_000, 5, { waitMs: 200, rows: 100 }],
    ["500 rows/s, 100 ms a flush", 2, 100, { waitMs: 400, rows: 200 }],
    ["500 rows/s, 400 ms a flush", 2, 400, { waitMs: 1_600, rows: 800 }],
    ["500 rows/s, a very slow sink", 2, 3_000, { waitMs: 2_000, rows: 1_000 }],
    ["a quiet table on a very slow sink", 1_000, 3_000, { waitMs: 2_000, rows: 100 }],
  ])("%s", (_, everyMs, flushMs, expected) => {
    expect(limits(loadOf(everyMs, flushMs))).toEqual(expected);
  });

  test("begins at the lower bounds, when nothing has been measured", () => {
    expect(limits(NO_LOAD)).toEqual({ waitMs: 200, rows: 100 });
  });

  test("follows a load that ends, within seconds", () => {
    const busy = loadOf(1, 400);
    expect(limits(busy).rows).toBe(1_000);
    expect(limits(sawRows(busy, 1, NOW + 10_000)).rows).toBe(100);
  });

  test("is not turned around by one slow flush", () => {
    const usual = loadOf(2, 100);
    expect(limits(sawFlush(usual, 300)).waitMs).toBe(560);
  });

  test("a clock that steps back makes no load", () => {
    const load = sawRows(sawRows(NO_LOAD, 10, NOW), 1, NOW - 60_000);
    expect(load).toMatchObject({ rows: 11, at: NOW });
  });

  test("whatever was measured: within its bounds, and the same for the same measurements", () => {
    const seen = fc.array(fc.record({ rows: fc.nat(5_000), afterMs: fc.nat(5_000), flushMs: fc.nat(60_000) }));
    fc.assert(
      fc.property(seen, (all) => {
        const run = () => {
          let [load, at] = [NO_LOAD, NOW];
          for (const each of all) {
            at += each.afterMs;
            load = sawFlush(sawRows(load, each.rows, at), each.flushMs);
          }
          return load;
        };
        const { waitMs, rows } = limits(run());
        expect(waitMs).toBeGreaterThanOrEqual(200);
        expect(waitMs).toBeLessThanOrEqual(2_000);
        expect(rows).toBeGreaterThanOrEqual(100);
        expect(rows).toBeLessThanOrEqual(1_000);
        expect(run()).toEqual(run());
      }),
    );
  });
});
