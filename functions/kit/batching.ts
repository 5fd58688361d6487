/** How a table's rows are gathered: one of the six strategies of T-19, by the name that `config.json` gives it. */
export const STRATEGY_NAMES = {
  StrategyImmediateBatch: "immediate",
  StrategyTimeBasedBatch: "time",
  StrategySizeBasedBatch: "size",
  StrategyHybridBatch: "hybrid",
  StrategyMemoryBasedBatch: "memory",
  StrategyAdaptiveBatch: "adaptive",
} as const;
export type Strategy = (typeof STRATEGY_NAMES)[keyof typeof STRATEGY_NAMES];

/**
 * `MaxBatchSize`, `MaxBatchTime`, `MaxMemoryMB`, `Priority` (1 goes first), `RetryAttempts` and `EnableCompression`.
 * Under every strategy a batch has at most `rowsMax` rows, and no more than `bytesMax` are ever held.
 */
export type TableSettings = {
  strategy: Strategy;
  rowsMax: number;
  waitMsMax: number;
  bytesMax: number;
  priority: number;
  retryAttempts: number;
  compressed: boolean;
};

/** What waits in a table, and what has been seen of its traffic. `crowded`: a row found no room, and waits outside. */
export type BatchState = {
  settings: TableSettings;
  rows: number;
  bytes: number;
  crowded: boolean;
  oldestAt: number;
  load: Load;
};

/** Is it time to flush? Pure: the same state and instant (milliseconds) always give the same answer. T-19. */
export const shouldFlush = (state: BatchState, now: number): boolean => rowsDue(state, now) > 0;

/** How many of the waiting rows are to be flushed now: by size one full batch, by time or memory all that wait, else none. */
export function rowsDue(state: BatchState, now: number): number {
  const { rows } = STRATEGIES[state.settings.strategy](state.settings, state.load);
  if (state.rows >= rows) return rows;
  const full = state.crowded || state.bytes >= state.settings.bytesMax;
  return full || now >= timeDue(state) ? state.rows : 0;
}

/** When the rows that wait have waited long enough, in milliseconds; never (infinity) when the strategy does not look at time. */
export function timeDue(state: BatchState): number {
  if (state.rows === 0) return Number.POSITIVE_INFINITY;
  return state.oldestAt + STRATEGIES[state.settings.strategy](state.settings, state.load).waitMs;
}

type Limits = { rows: number; waitMs: number };
const NEVER = Number.POSITIVE_INFINITY;

/** A strategy is which limits it obeys. Memory bounds all six, and alone it moves the one that is named after it. */
const STRATEGIES: Record<Strategy, (settings: TableSettings, load: Load) => Limits> = {
  immediate: () => ({ rows: 1, waitMs: 0 }),
  time: ({ waitMsMax }) => ({ rows: NEVER, waitMs: waitMsMax }),
  size: ({ rowsMax }) => ({ rows: rowsMax, waitMs: NEVER }),
  hybrid: ({ rowsMax, waitMsMax }) => ({ rows: rowsMax, waitMs: waitMsMax }),
  memory: () => ({ rows: NEVER, waitMs: NEVER }),
  adaptive: (settings, load) => adapted(settings, load),
};

/** Rows seen lately (each counts less as it ages), as of `at`, and how long the sink lately took, in milliseconds. */
export type Load = { rows: number; at: number; flushMs: number };
export const NO_LOAD: Load = { rows: 0, at: 0, flushMs: 0 };

/** Two seconds: a burst shows within a second, and a single gap does not turn the size around. */
const MEMORY_MS = 2_000;
/** The last flushes count about five: one slow answer is no trend. */
const LATEST_SHARE = 0.2;

/** The load after so many rows came at `now`. Feeds `adaptive` only. */
export function sawRows(load: Load, rows: number, now: number): Load {
  const agedMs = Math.max(0, now - load.at);
  return { ...load, rows: load.rows * Math.exp(-agedMs / MEMORY_MS) + rows, at: Math.max(load.at, now) };
}

/** The load after a flush that took `flushMs`. */
export function sawFlush(load: Load, flushMs: number): Load {
  const known = load.flushMs === 0 ? flushMs : load.flushMs;
  return { ...load, flushMs: known + LATEST_SHARE * (flushMs - known) };
}

/** Flushing may take a fifth of the time: for every millisecond that the sink takes, four are spent gathering. */
const GATHER_PER_FLUSH = 4;
/** The lower bound of both limits, as a share of the configured one. */
const LEAST_SHARE = 0.1;

/**
 * Waits four times as long as the sink takes, and gathers what comes in that time; both between a tenth of the configured
 * limit and all of it. So a quiet table is fresh, a busy one has full batches, and a slow sink is asked less often.
 */
function adapted({ rowsMax, waitMsMax }: TableSettings, { rows, flushMs }: Load): Limits {
  const waitMs = clamp(flushMs * GATHER_PER_FLUSH, waitMsMax * LEAST_SHARE, waitMsMax);
  const expected = (rows / MEMORY_MS) * waitMs;
  return { waitMs, rows: clamp(Math.round(expected), Math.max(1, Math.ceil(rowsMax * LEAST_SHARE)), rowsMax) };
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/** The settings of a table by its name: the table below T-20 in the contract, whose last line is any other table. */
export function tableSettings(table: string): TableSettings {
  const [strategy, rowsMax, seconds, megabytes, priority, retryAttempts, compressed] = TABLES.get(table) ?? ANY_OTHER;
  return {
    strategy,
    rowsMax,
    waitMsMax: seconds * 1_000,
    bytesMax: megabytes * 1_048_576,
    priority,
    retryAttempts,
    compressed,
  };
}

/** In the order of `TableSettings`; time in seconds, memory in MB. */
type Line = [Strategy, rows: number, seconds: number, megabytes: number, priority: number, retries: number, boolean];
const TABLES: ReadonlyMap<string, Line> = new Map([
  ["events", ["hybrid", 1_000, 2, 10, 3, 3, true]],
  ["payments", ["immediate", 1, 0, 1, 1, 5, false]],
  ["mthreads", ["time", 100, 5, 5, 2, 3, false]],
  ["mstore", ["hybrid", 500, 3, 8, 4, 2, true]],
  ["mtriage", ["hybrid", 50, 2, 2, 1, 5, false]],
]);
const ANY_OTHER: Line = ["hybrid", 200, 3, 3, 3, 3, true];
