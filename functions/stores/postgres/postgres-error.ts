import { DrizzleQueryError } from "drizzle-orm";
import postgres from "postgres";
import { AppError } from "../../kit/errors.ts";

/** Connection lost or refused (08), rolled back for another transaction (40), no room (53), shutting down or starting (57P), and our own statement timeout. */
const AWAY = /^(?:08|40|53|57P|57014)/;
const RETRY_AFTER_SECONDS = 5;

/**
 * What a driver's error means: `unavailable` (503) when the database cannot be reached or has no room, else a fault whose
 * message names code and constraint only, since Postgres' own text and drizzle's may quote rows. `cause` has the rest.
 */
export function fromPostgres(error: unknown): unknown {
  const cause = driversOwn(error);
  if (cause instanceof AppError) return cause;
  if (!(cause instanceof postgres.PostgresError)) {
    // What is no answer of the server: the connection. The driver gives such errors a code of its own or the system's.
    return typeof (cause as { code?: unknown }).code === "string" ? unavailable(cause) : cause;
  }
  if (AWAY.test(cause.code)) return unavailable(cause);
  const constraint = cause.constraint_name ? `, constraint ${cause.constraint_name}` : "";
  return new Error(`Postgres refused a statement: code ${cause.code}${constraint}`, { cause });
}

/** Runs a store's work and gives its errors their meaning. */
export const asked = <T>(work: PromiseLike<T>): Promise<T> =>
  Promise.resolve(work).catch((error: unknown) => {
    throw fromPostgres(error);
  });

/** Drizzle wraps the driver's error in one that quotes the statement with its values. */
const driversOwn = (error: unknown): unknown => (error instanceof DrizzleQueryError ? error.cause : error);

const unavailable = (cause: unknown): AppError =>
  new AppError("unavailable", "The database does not answer, try again.", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
