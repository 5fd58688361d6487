import { mkdir, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineError, engineErrorOf } from "./engine-error.ts";
import { type Handle, loadNative, type Native } from "./native.ts";

/** A name and its value as text, as they stand in a URL. Parameters are named `param_<name>`. */
export type Setting = readonly [name: string, value: string];
export type Done = { bytes: Buffer; elapsedNs: number; readRows: number; readBytes: number };
/** `format` is that of an answer whose statement names none. */
export type Connection = { run: (sql: string, format?: string) => Promise<Done> };

export type Engine = {
  version: string;
  timezone: string;
  /**
   * A connection of its own for `use`, closed after: what a request sets is gone with it, and no query waits for
   * another. 0.4 ms. `database` need not exist for statements that name none.
   */
  connect: <T>(
    database: string,
    settings: readonly Setting[],
    use: (connection: Connection) => Promise<T>,
  ) => Promise<T>;
  close: () => void;
};

export const DEFAULT_DATABASE = "cdp";
/** A process that was just killed holds the directory for a moment. */
const LOCKED_LIMIT_MS = 10_000;

/**
 * Opens the directory for this process alone; everything the engine acknowledges is in files by then, so a kill of
 * this process loses none of it. Throws when another process keeps the directory for `LOCKED_LIMIT_MS`.
 */
export async function openEngine(dataDir: string): Promise<Engine> {
  const native = loadNative();
  await mkdir(dataDir, { recursive: true });
  const config = join(dataDir, "server.xml");
  await writeFile(config, SERVER_XML);
  const first = await firstConnection(native, dataDir, [`--config-file=${config}`, ...SESSION_ARGS]);
  await native.QueryAsyncConnection(first, `CREATE DATABASE IF NOT EXISTS ${DEFAULT_DATABASE}`, "TSV");
  const facts = await native.QueryAsyncConnection(first, "SELECT version(), timezone()", "TSV");
  const [version = "", timezone = ""] = facts.bytes.toString().trim().split("\t");

  const connect: Engine["connect"] = async (database, settings, use) => {
    const handle = native.CreateConnection(dataDir, SESSION_ARGS);
    if (!handle) throw new EngineError(210, "NETWORK_ERROR", "the engine opens no further connection");
    try {
      prepare(native, handle, database, settings);
      return await use({ run: (sql, format) => run(native, handle, sql, format) });
    } finally {
      native.CloseConnection(handle);
    }
  };
  return { version, timezone, connect, close: () => native.CloseConnection(first) };
}

/**
 * Half of the memory for the engine, half of that for one query: a query that needs more is refused, not the laptop.
 * Its memory is looked at twice a second, not twenty times, which alone cost 0.7 % of a core.
 */
const SERVER_BYTES_MAX = Math.floor(totalmem() / 2);
const QUERY_BYTES_MAX = Math.floor(SERVER_BYTES_MAX / 2);
const SERVER_XML = `<clickhouse>
  <max_server_memory_usage>${SERVER_BYTES_MAX}</max_server_memory_usage>
  <memory_worker_period_ms>500</memory_worker_period_ms>
</clickhouse>
`;

/** Large parameters travel in a SET, so the limit on a query's own text is put back behind them, in `prepare`. */
const PREPARE_QUERY_BYTES = 1_073_741_824;
const QUERY_BYTES_DEFAULT = "262144";
/** What the embedded engine sets otherwise than a server does, and its memory. */
const SESSION_ARGS = [
  `--max_query_size=${PREPARE_QUERY_BYTES}`,
  `--max_memory_usage=${QUERY_BYTES_MAX}`,
  "--implicit_select=0",
  "--allow_introspection_functions=0",
];

async function firstConnection(native: Native, dataDir: string, args: string[]): Promise<Handle> {
  const giveUpAt = Date.now() + LOCKED_LIMIT_MS;
  // The engine itself writes a line to stderr at each try: few of them.
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      const handle = native.CreateConnection(dataDir, args);
      if (handle) return handle;
    } catch (error) {
      if (Date.now() > giveUpAt)
        throw new Error(`the warehouse cannot open ${dataDir}: is another process using it?`, { cause: error });
    }
    await sleep(waitMs);
  }
}

/** One SET, so that `readonly` among them locks none of the others. Throws what a server says to an unknown setting or a bad value. */
function prepare(native: Native, handle: Handle, database: string, settings: readonly Setting[]): void {
  const given = new Map(settings);
  if (!given.has("max_query_size")) given.set("max_query_size", QUERY_BYTES_DEFAULT);
  const pairs = [...given].map(([name, value]) => `${nameOf(name)} = ${quoted(value)}`);
  try {
    native.QueryWithConnection(handle, `USE ${identifier(database)}; SET ${pairs.join(", ")}`, "TSV");
  } catch (error) {
    throw engineErrorOf(error);
  }
}

async function run(native: Native, handle: Handle, sql: string, format = "TabSeparated"): Promise<Done> {
  try {
    const { bytes, elapsed, rowsRead, bytesRead } = await native.QueryAsyncConnection(handle, sql, format);
    return { bytes, elapsedNs: Math.round(elapsed * 1e9), readRows: rowsRead, readBytes: bytesRead };
  } catch (error) {
    throw engineErrorOf(error);
  }
}

function nameOf(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new EngineError(115, "UNKNOWN_SETTING", `Unknown setting '${name}'`);
  return name;
}

/** A string literal. */
export const quoted = (value: string): string => `'${value.replaceAll(/[\\']/g, "\\$&").replaceAll("\0", "\\0")}'`;

const identifier = (name: string): string => `\`${name.replaceAll(/[\\`]/g, "\\$&")}\``;
