import { dueAt, fits, hasGivenUp, hold, mostUrgent, newTable, stateOf, type Table, take } from "./batch-table.ts";
import { rowsDue, sawFlush, type TableSettings } from "./batching.ts";
import type { Attempt } from "./breaker.ts";
import { AppError } from "./errors.ts";

export type BatchPorts<Row> = {
  settingsOf: (table: string) => TableSettings;
  bytesOf: (row: Row) => number;
  /** Writes one batch through the sink's breaker. It throws for faults only: rows that the sink refuses are its own to put aside. */
  flush: (table: string, rows: readonly Row[]) => Promise<Attempt<unknown>>;
  /** Told of each attempt that threw, with how many have in a row; its batch is kept. */
  failed: (table: string, error: unknown, failures: number) => void;
  /** Milliseconds that never go back. */
  now: () => number;
  /** Runs once after so many milliseconds, unless the answer is called before. */
  after: (ms: number, run: () => void) => () => void;
  /** How many batches the sink takes at a time: one, unless it says otherwise; never two of one table. */
  flushesMax?: number;
};

export type Batches<Row> = {
  /** Resolves when the row is held, not yet flushed: at once, or when the table's memory has room. Rejects with `payload_too_large` for a row that never fits. */
  add: (table: string, row: Row) => Promise<void>;
  /**
   * Flushes all that is held, now. Rejects when the sink's breaker is open or a table's `retryAttempts` are used up: what was
   * not flushed stays held, what waited for room is refused, and nothing runs any more until the next `add` or `drain`.
   */
  drain: () => Promise<void>;
  /** What T-15 prints of batching: counts since the start, and what is held now. */
  figures: () => BatchFigures;
};

/** `flushMs` is the sum over the batches that were stored; `failed` counts attempts; `lastFlushAt` is by `now`. */
export type BatchFigures = {
  batches: number;
  rows: number;
  failed: number;
  flushMs: number;
  lastFlushAt: number | undefined;
  heldRows: number;
  heldBytes: number;
};

/**
 * Rows gathered per table, and flushed by the table's strategy (T-19). In one process every row is flushed once to its table,
 * in the order of `add`: a batch that failed is kept, and tried again with exactly the same rows, so that the sink can know it
 * by a token. A table holds `bytesMax` at most, what is in flight included. There is one timer at most.
 */
export function createBatches<Row>(ports: BatchPorts<Row>): Batches<Row> {
  const { now, flushesMax = 1 } = ports;
  const tables = new Map<string, Table<Row>>();
  const done = { batches: 0, rows: 0, failed: 0, flushMs: 0, lastFlushAt: undefined as number | undefined };
  let flying = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;
  let draining: PromiseWithResolvers<void> | undefined;
  let lastError: unknown;

  /** Sends what is due, most urgent first; then the end of a flush or the one timer comes back here. */
  function turn(): void {
    wakeAfter(Number.POSITIVE_INFINITY);
    const at = now();
    while (flying < flushesMax && at >= pausedUntil) {
      const next = mostUrgent(tables.values(), at, draining !== undefined);
      if (!next) break;
      void send(next);
    }
    if ((draining && flying === 0 && endDrain(draining, at)) || flying === flushesMax) return;
    const dues = Array.from(tables.values(), (table) => dueAt(table, at, draining !== undefined));
    wakeAfter(Math.max(pausedUntil, Math.min(...dues)) - at);
  }

  /** Sets the one timer anew; none for an infinite time. */
  function wakeAfter(ms: number): void {
    cancelTimer?.();
    cancelTimer = Number.isFinite(ms) ? ports.after(Math.max(0, ms), turn) : undefined;
  }

  async function send(table: Table<Row>): Promise<void> {
    table.batch ??= take(table);
    const { rows, bytes } = table.batch;
    table.flying = true;
    flying++;
    const startedAt = now();
    try {
      const attempt = await ports.flush(table.name, rows);
      if (attempt.kind === "done") stored(table, rows.length, bytes, startedAt);
      else pausedUntil = attempt.tryAgainAt;
    } catch (error) {
      lastError = error;
      done.failed++;
      table.failures++;
      table.retryAt = now() + Math.min(RETRY_MS * 2 ** (table.failures - 1), RETRY_MS_MAX);
      ports.failed(table.name, error, table.failures);
    } finally {
      table.flying = false;
      flying--;
      turn();
    }
  }

  function stored(table: Table<Row>, rows: number, bytes: number, startedAt: number): void {
    const at = now();
    table.batch = undefined;
    table.heldBytes -= bytes;
    table.failures = 0;
    table.load = sawFlush(table.load, at - startedAt);
    pausedUntil = Number.NEGATIVE_INFINITY;
    done.batches++;
    done.rows += rows;
    done.flushMs += at - startedAt;
    done.lastFlushAt = at;
    for (let first = table.outside[0]; first && fits(table, first.bytes); first = table.outside[0]) {
      table.outside.shift();
      hold(table, first.row, first.bytes, at);
      first.entered.resolve();
    }
  }

  /** Ends the drain when nothing is held, or when nothing more can be done about what is. */
  function endDrain(drain: PromiseWithResolvers<void>, at: number): boolean {
    const left = [...tables.values()].filter((table) => table.batch || table.waiting.length > 0);
    if (left.length > 0 && at >= pausedUntil && !left.every(hasGivenUp)) return false;
    draining = undefined;
    if (left.length === 0) {
      drain.resolve();
      return true;
    }
    const names = left.map(({ name }) => name).join(", ");
    const error = new Error(`rows could not be flushed: ${names}`, { cause: lastError });
    for (const table of left) for (const { entered } of table.outside.splice(0)) entered.reject(error);
    drain.reject(error);
    return true;
  }

  return {
    add: async (name, row) => {
      const table = tables.get(name) ?? newTable<Row>(name, ports.settingsOf(name));
      tables.set(name, table);
      const bytes = ports.bytesOf(row);
      if (bytes > table.settings.bytesMax)
        throw new AppError("payload_too_large", `a row of ${bytes} bytes never fits in a batch of ${name}`);
      if (table.outside.length > 0 || !fits(table, bytes)) {
        const entered = Promise.withResolvers<void>();
        table.outside.push({ row, bytes, entered });
        turn();
        return entered.promise;
      }
      const at = now();
      hold(table, row, bytes, at);
      if (!cancelTimer || table.waiting.length === 1 || rowsDue(stateOf(table), at) > 0) turn();
    },
    drain: () => {
      if (draining) return draining.promise;
      draining = Promise.withResolvers<void>();
      const { promise } = draining;
      pausedUntil = Number.NEGATIVE_INFINITY;
      for (const table of tables.values()) {
        table.failures = 0;
        table.retryAt = Number.NEGATIVE_INFINITY;
      }
      turn();
      return promise;
    },
    figures: () => {
      const all = [...tables.values()];
      const heldRows = all.reduce((sum, table) => sum + table.waiting.length + (table.batch?.rows.length ?? 0), 0);
      return { ...done, heldRows, heldBytes: all.reduce((sum, table) => sum + table.heldBytes, 0) };
    },
  };
}

/** The pause after a first failure; it doubles up to the breaker's own reset time. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 30_000;
