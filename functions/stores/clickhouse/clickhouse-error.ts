import { ClickHouseError } from "@clickhouse/client";
import { AppError } from "../../kit/errors.ts";

/** Limits on time, memory, rows, bytes and result: the question is too big, asking again changes nothing. */
const LIMIT_CODES = new Set(["158", "159", "160", "191", "241", "307", "396"]);
/** The engine has no room just now (252: too many parts that are to be merged), or ends. */
const BUSY_CODES = new Set(["202", "236", "252", "439", "745"]);
const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
]);
const RETRY_AFTER_SECONDS = 5;

/**
 * What a driver's error means: `query_limit` (400) when the engine stopped a query at a limit, `unavailable` (503) when
 * it cannot be reached, else a fault whose message names code and type only, since the engine's own text may quote rows.
 * What `signal` ended is given back as its reason.
 */
export function fromClickHouse(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof AppError) return error;
  if (signal?.aborted) return signal.reason;
  if (error instanceof ClickHouseError) {
    const { code, type } = error;
    if (LIMIT_CODES.has(code)) {
      const message = "The question needs more time or memory than a query may use: ask for a shorter range.";
      return new AppError("query_limit", message, { cause: error });
    }
    if (BUSY_CODES.has(code)) return unavailable(error);
    return new Error(`ClickHouse refused a statement: code ${code}, ${type ?? "no type"}`, { cause: error });
  }
  const system = (error as { code?: unknown } | undefined)?.code;
  if (typeof system === "string" && UNREACHABLE.has(system)) return unavailable(error);
  if (error instanceof Error && TRANSPORT.test(error.message)) return unavailable(error);
  return error;
}

/** The driver's own words for a connection that ended or stayed silent; it gives them no code. */
const TRANSPORT = /^(Timeout error\.|socket hang up|The socket connection was closed)/i;

const unavailable = (cause: unknown) =>
  new AppError("unavailable", "The warehouse does not answer, try again.", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
