import { type ClickHouseClient, createClient } from "@clickhouse/client";

export type ClickHouseAddress = { url: string; username?: string; password?: string; database?: string };

/** ClickHouse closes an idle connection after 10 s by default (older ones after 3): ours is gone before that. */
const IDLE_SOCKET_TTL_MS = 2_000;
/** Longer than any query's own limit, so that the engine's answer is the one that counts. */
const REQUEST_TIMEOUT_MS = 120_000;

/**
 * A client for one user and database. Nothing is compressed: the stores are in one region, where a gigabit costs less
 * than gzip. Close it when the process ends. It retries nothing by itself.
 */
export const createClickHouse = ({ url, username, password, database = "cdp" }: ClickHouseAddress): ClickHouseClient =>
  createClient({
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    database,
    application: "millrace",
    request_timeout: REQUEST_TIMEOUT_MS,
    max_open_connections: 16,
    compression: { request: false, response: false },
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_TTL_MS },
    // What goes wrong is thrown to the caller, who logs it once and redacted.
    log: { level: 127 },
  });
