import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { asked } from "./postgres-error.ts";

export type PostgresDb = PostgresJsDatabase;

/** A Lambda asks one thing at a time, local doors a few; the database has about 100 connections for all of us. */
const CONNECTIONS_MAX = 5;
/** Every statement of ours touches few rows by key: one that takes longer is stuck behind a lock or an outage. */
const STATEMENT_LIMIT_MS = 5_000;

/**
 * Opens lazily: nothing is connected until the first statement. `ping` throws `unavailable` when the database cannot be
 * reached. Prepared statements are kept for each connection (`?prepare=false` in the URL behind a pooler without them).
 */
export function openPostgres(url: string): { db: PostgresDb; ping: () => Promise<void>; close: () => Promise<void> } {
  const sql = postgres(url, {
    max: CONNECTIONS_MAX,
    connect_timeout: 3,
    idle_timeout: 60,
    max_lifetime: 30 * 60,
    // The driver's own pause grows to 20 s, and statements wait for it: a request had rather hear that nobody is there.
    backoff: () => 0.1,
    // Only arrays need it, and drizzle reads those itself: one trip less for each connection.
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "millrace", statement_timeout: STATEMENT_LIMIT_MS },
  });
  return {
    db: drizzle(sql),
    ping: async () => {
      await asked(sql`select 1`);
    },
    close: () => sql.end({ timeout: 2 }),
  };
}
