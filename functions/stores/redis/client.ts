import { Redis } from "@upstash/redis";

/** One trip's budget. A cache that takes longer costs more than it saves; reliability, "Edge deduplication". */
export const TRIP_BUDGET_MS = 150;

/**
 * The Upstash client as this system uses it: values stay the strings that were sent, a lost connection is tried once
 * more at once, and a trip (that second try included) is given up after `budgetMs` with an error.
 */
export function createRedis({ url, token, budgetMs = TRIP_BUDGET_MS }: RedisOptions): Redis {
  return new Redis({
    url,
    token,
    // Numeric strings lose digits otherwise.
    automaticDeserialization: false,
    // All that we keep is UTF-8 text, which JSON carries as it is.
    responseEncoding: false,
    // Ours groups across event-loop turns, see grouped.ts.
    enableAutoPipelining: false,
    enableTelemetry: false,
    retry: { retries: 1, backoff: () => 0 },
    // A function: with a plain signal this client turns an abort into a successful answer.
    signal: () => overdue(budgetMs),
  });
}
type RedisOptions = { url: string; token: string; budgetMs?: number };

/** A stall of this process, however long, uses up one of so many parts of the budget. */
const PARTS = 4;

/**
 * Aborts after `budgetMs` in which this process was awake: an abort by the plain clock would take a garbage collection
 * or another request's parsing for Redis' delay, since timers run before the sockets are read.
 */
function overdue(budgetMs: number): AbortSignal {
  const controller = new AbortController();
  const wait = (parts: number) => {
    if (parts === 0) controller.abort(new Error(`Redis did not answer within ${budgetMs} ms`));
    else setTimeout(() => wait(parts - 1), budgetMs / PARTS).unref();
  };
  wait(PARTS);
  return controller.signal;
}
