/**
 * Errors whose words are known to quote nothing. Those of database drivers quote what was asked or stored, JSON's own what
 * it could not read; a bundle may rename their classes, so that only what is known to be harmless can be told. C-18, I9.
 */
const BUILT_IN: readonly unknown[] = [Error, TypeError, RangeError, AggregateError];
const OWN = new Set(["AppError", "CommandError", "RedisAwayError", "AbortError", "TimeoutError"]);
const isHarmless = (error: Error) =>
  BUILT_IN.includes(error.constructor) || OWN.has(error.name) || "$metadata" in error;
/** A chain longer than this leads in a circle. */
const CAUSES_MAX = 10;

export type ShownError = { type: string; message: string; stack?: string; code?: string; cause?: ShownError };

/**
 * An error as the log may hold it: with all that caused it, of one that may quote data no more than its kind and
 * code. What is no error is not shown at all, since nobody knows what it quotes.
 */
export function errorShown(error: unknown, causes = 0): ShownError {
  if (!(error instanceof Error)) return { type: typeof error, message: "" };
  const { name, message, stack = "", cause } = error;
  const { code } = error as { code?: unknown };
  const type = error.constructor.name || name;
  const quotes = !isHarmless(error);
  return {
    type,
    message: quotes ? "" : message,
    // A stack begins with the message.
    ...(!quotes && causes === 0 && { stack }),
    ...(typeof code === "string" && { code }),
    ...(cause !== undefined && causes < CAUSES_MAX && { cause: errorShown(cause, causes + 1) }),
  };
}
