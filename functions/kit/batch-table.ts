import { type BatchState, type Load, NO_LOAD, rowsDue, sawRows, type TableSettings, timeDue } from "./batching.ts";

type Held<Row> = { row: Row; bytes: number; at: number };
/** The rows of one table between `add` and the sink, in order: outside, waiting, in its batch. */
export type Table<Row> = {
  name: string;
  settings: TableSettings;
  waiting: Held<Row>[];
  /** Handed to the sink, and kept until it has taken it. */
  batch: { rows: Row[]; bytes: number } | undefined;
  /** Rows that found no room, in order. */
  outside: { row: Row; bytes: number; entered: PromiseWithResolvers<void> }[];
  waitingBytes: number;
  /** Of the batch too. */
  heldBytes: number;
  load: Load;
  /** How many of the waiting rows are due already, whatever comes after them. */
  owed: number;
  dueSince: number | undefined;
  flying: boolean;
  failures: number;
  retryAt: number;
};

/** A table that holds nothing yet. */
export const newTable = <Row>(name: string, settings: TableSettings): Table<Row> => ({
  name,
  settings,
  waiting: [],
  batch: undefined,
  outside: [],
  waitingBytes: 0,
  heldBytes: 0,
  load: NO_LOAD,
  owed: 0,
  dueSince: undefined,
  flying: false,
  failures: 0,
  retryAt: Number.NEGATIVE_INFINITY,
});

/** Is there room for so many bytes, beside what waits and what is in flight? */
export const fits = ({ heldBytes, settings }: Table<unknown>, bytes: number): boolean =>
  heldBytes + bytes <= settings.bytesMax;

/** Has its batch been tried once and `retryAttempts` times again? Counts for a drain only; otherwise it is tried for ever. */
export const hasGivenUp = ({ failures, settings }: Table<unknown>): boolean => failures > settings.retryAttempts;

/** Puts a row behind those that wait. */
export function hold<Row>(table: Table<Row>, row: Row, bytes: number, at: number): void {
  table.waiting.push({ row, bytes, at });
  table.waitingBytes += bytes;
  table.heldBytes += bytes;
  table.load = sawRows(table.load, 1, at);
}

/** The batch that goes now: the first rows that are due, `rowsMax` at most. */
export function take<Row>(table: Table<Row>): { rows: Row[]; bytes: number } {
  const held = table.waiting.splice(0, Math.min(table.owed, table.settings.rowsMax));
  const bytes = held.reduce((sum, each) => sum + each.bytes, 0);
  table.waitingBytes -= bytes;
  table.owed -= held.length;
  return { rows: held.map(({ row }) => row), bytes };
}

/** What one step of priority is worth: an urgent table overtakes what has been due for so much longer, so that none waits for ever. */
const HEAD_START_MS = 1_000;

/** The due table that has been passed over the longest, each step of priority counting as `HEAD_START_MS`. */
export function mostUrgent<Row>(tables: Iterable<Table<Row>>, at: number, draining: boolean): Table<Row> | undefined {
  let first: { table: Table<Row>; rank: number } | undefined;
  for (const table of tables) {
    if (dueAt(table, at, draining) > at) continue;
    table.dueSince ??= at;
    const rank = table.dueSince + table.settings.priority * HEAD_START_MS;
    if (!first || rank < first.rank) first = { table, rank };
  }
  if (first) first.table.dueSince = undefined;
  return first?.table;
}

/** When something of this table is to go, or `at` when it is due already. Draining, all that waits is due, until it gives up. */
export function dueAt(table: Table<unknown>, at: number, draining: boolean): number {
  if (table.flying || (draining && hasGivenUp(table))) return Number.POSITIVE_INFINITY;
  if (table.batch) return table.retryAt;
  table.owed = draining ? table.waiting.length : table.owed || rowsDue(stateOf(table), at);
  return table.owed > 0 ? at : timeDue(stateOf(table));
}

/** What the strategy decides by: the rows that wait, without the batch in flight. */
export const stateOf = ({ settings, waiting, waitingBytes, outside, load }: Table<unknown>): BatchState => ({
  settings,
  rows: waiting.length,
  bytes: waitingBytes,
  crowded: outside.length > 0,
  oldestAt: waiting[0]?.at ?? Number.POSITIVE_INFINITY,
  load,
});
