import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { DEFAULT_DATABASE, type Setting } from "./engine.ts";
import { EngineError } from "./engine-error.ts";

/** The user of the query API's custom SQL: read-only, and limited. */
export const READ_ONLY_USER = "analytics_ro";

/** What a request's line and headers say. The query itself goes on in the body. */
export type Call = {
  query: string;
  /** In the order given; parameters as `param_<name>`. */
  settings: Setting[];
  database: string;
  format: string;
  queryId: string;
  user: string;
  waitEnd: boolean;
  /** Blocks of ClickHouse's own compressed format, in the answer and in the body. */
  blocksOut: boolean;
  blocksIn: boolean;
};

/**
 * Reads URL and headers. Any user and password is let in, since the door is open to this machine only. `session_id`
 * and its kin are accepted and mean nothing: SET and temporary tables do not outlive their request here.
 * A GET may not change anything, as on a server.
 */
export function callOf(request: IncomingMessage): Call {
  const given = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const settings = [...given].filter(([name]) => !NOT_SETTINGS.has(name));
  if (request.method === "GET" && !given.has("readonly")) settings.push(["readonly", "2"]);
  return {
    query: given.get("query") ?? "",
    settings,
    database: given.get("database") || header("x-clickhouse-database") || DEFAULT_DATABASE,
    format: formatName(given.get("default_format") || header("x-clickhouse-format") || "TabSeparated"),
    queryId: given.get("query_id") || header("x-clickhouse-query-id") || randomUUID(),
    user: given.get("user") || header("x-clickhouse-user") || basicUser(header("authorization")) || "default",
    waitEnd: isOn(given.get("wait_end_of_query")),
    blocksOut: isOn(given.get("compress")),
    blocksIn: isOn(given.get("decompress")),
  };
}

/** Of a server's own URL parameters, those that are no settings. */
const NOT_SETTINGS = new Set(
  (
    "query database default_format query_id user password quota_key role stacktrace compress decompress " +
    "session_id session_timeout session_check close_session buffer_size wait_end_of_query client_protocol_version " +
    "http_write_exception_in_output_format"
  ).split(" "),
);

const isOn = (value: string | null): boolean => value === "1" || value === "true";

function formatName(name: string): string {
  if (!/^\w+$/.test(name)) throw new EngineError(73, "UNKNOWN_FORMAT", `Unknown format ${name}`);
  return name;
}

const basicUser = (authorization: string | undefined): string | undefined => {
  const [scheme, credentials = ""] = authorization?.split(" ") ?? [];
  if (scheme?.toLowerCase() !== "basic") return undefined;
  return Buffer.from(credentials, "base64").toString().split(":")[0] || undefined;
};
