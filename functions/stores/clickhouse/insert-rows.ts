import { Readable } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings, type ExecParams } from "@clickhouse/client";
import { RowsRefused } from "../../deliver/rows-refused.ts";
import { metrics } from "../../kit/metrics.ts";
import { fromClickHouse } from "./clickhouse-error.ts";
import { isAtLeast, type ServerVersion, serverVersion } from "./server-version.ts";
import { throughStaleSocket } from "./stale-socket.ts";

/** Sends rows that are in ClickHouse's Native format already (`native-block.ts`). */
export type InsertNative = (
  table: string,
  columnNames: readonly string[],
  body: Uint8Array | readonly Uint8Array[],
  token: string,
  options: { queryId: string; maxMs: number },
) => Promise<void>;

/**
 * Inserts once and waits until it is stored. A block that the table has seen under this token is dropped by the engine,
 * so a token must name exactly its rows. Repeats by itself only what met a closed connection, once and under the same token:
 * whatever it throws, the rows may be there, and the caller decides from what the table holds. No message quotes a row. `reliability.md` 3.3.
 */
export function createInsertNative(clickhouse: Pick<ClickHouseClient, "exec" | "query">): InsertNative {
  const version = serverVersion(clickhouse);
  return async (table, columnNames, body, token, { queryId, maxMs }) => {
    // One piece: a column of each of many frames makes tens of thousands, and each would cost a turn of the stream.
    const bytes = body instanceof Uint8Array ? body : Buffer.concat(body);
    const abort_signal = AbortSignal.timeout(maxMs);
    try {
      const settings = dedupSettings(await throughStaleSocket(version));
      await throughStaleSocket((isAgain) =>
        sent(clickhouse, {
          query: `INSERT INTO ${quoted(table)} (${columnNames.map(quoted).join(", ")}) FORMAT Native`,
          values: Readable.from([bytes], { objectMode: false }),
          // A server takes no id of a query that it believes to be still running.
          query_id: isAgain ? `${queryId}:again` : queryId,
          abort_signal,
          clickhouse_settings: {
            ...settings,
            ...JSON_SETTINGS,
            insert_deduplication_token: token,
            async_insert: 0,
            wait_end_of_query: 1,
            max_execution_time: maxMs / 1_000,
          },
        }),
      );
    } catch (error) {
      throw refusedRows(error) ?? fromClickHouse(error);
    }
    metrics.writer.insertBytes(bytes.length);
  };
}

/**
 * Codes by which the engine says that the rows are wrong, not it: what cannot be parsed or converted, is out of range, is
 * null or too long, or breaks a constraint. (ClickHouse, ErrorCodes.cpp.)
 */
const ROW_CODES = new Set([
  "6",
  "26",
  "27",
  "38",
  "41",
  "53",
  "69",
  "70",
  "72",
  "117",
  "131",
  "190",
  "349",
  "469",
  "636",
]);

const refusedRows = (error: unknown): RowsRefused | undefined =>
  error instanceof ClickHouseError && ROW_CODES.has(error.code)
    ? new RowsRefused(`The table does not take it: code ${error.code}, ${error.type ?? "no type"}.`, { cause: error })
    : undefined;

/** A 200 is not success: an error that comes late stands in the body (F24). */
async function sent(clickhouse: Pick<ClickHouseClient, "exec">, insert: ExecParams & { values: Readable }) {
  const { stream, response_headers } = await clickhouse.exec(insert);
  const answer = await readText(stream);
  const code = response_headers["x-clickhouse-exception-code"];
  if (answer === "" && code === undefined) return;
  throw new Error(`ClickHouse began to store rows and failed: code ${code ?? "unknown"}`);
}

const dedupSettings = (version: ServerVersion): ClickHouseSettings =>
  ({
    ...(isAtLeast(version, [26, 2]) ? { deduplicate_insert: "enable" } : { insert_deduplicate: 1 }),
    deduplicate_blocks_in_dependent_materialized_views: 1,
  }) as ClickHouseSettings;

/** JSON text is stored as it was sent: no text becomes a date, no boolean a number, no dot in a key an object of its own. */
export const JSON_SETTINGS: ClickHouseSettings = {
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  input_format_json_read_bools_as_numbers: 0,
  input_format_json_read_bools_as_strings: 0,
  json_type_escape_dots_in_keys: 1,
  type_json_skip_duplicated_paths: 1,
};

/** Names come from our own code; quoting keeps the dot of `context.page_url` inside the name. */
const quoted = (name: string) => `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
