import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import * as z from "zod";
import type { RunQuery, SqlPart } from "../../kit/query.ts";
import { fromClickHouse } from "./clickhouse-error.ts";
import { fillSlots, readSql } from "./sql-file.ts";

/** A question may take this long; what needs more asks for a shorter range (`query_limit`). */
export const QUERY_SECONDS_MAX = 30;

/** JSON comes back as it went in: 64-bit numbers as numbers, dots in keys of nested objects, times in ISO 8601 UTC. */
export const READ_SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 0,
  json_type_escape_dots_in_keys: 1,
  date_time_output_format: "iso",
};

/**
 * Runs sql/<name>.sql. Values travel as server-side parameters; the workspace comes from the caller's token, never from
 * a body. Rows pass the query's `row` schema. Errors as `fromClickHouse` says; aborting cancels on the server too.
 */
export const createRunQuery =
  (
    clickhouse: Pick<ClickHouseClient, "query">,
    { secondsMax = QUERY_SECONDS_MAX }: { secondsMax?: number } = {},
  ): RunQuery =>
  async (query, workspaceId, { params, slots }, signal) => {
    const parts: Record<string, SqlPart> = slots;
    try {
      const answer = await clickhouse.query({
        query: fillSlots(readSql(query.sql), parts),
        query_params: { ...valuesOf(parts), ...query.params.parse(params), workspace_id: workspaceId },
        format: "JSONEachRow",
        clickhouse_settings: {
          ...READ_SETTINGS,
          max_execution_time: secondsMax,
          readonly: "2",
          cancel_http_readonly_queries_on_client_close: 1,
        },
        ...(signal && { abort_signal: signal }),
      });
      return z.array(query.row).parse(await answer.json());
    } catch (error) {
      throw fromClickHouse(error, signal);
    }
  };

/** The values of all slots. A name used twice would let one value stand for two: a fault of a compiler's. */
function valuesOf(parts: Record<string, SqlPart>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.values(parts).flatMap((part) => Object.entries(part.values))) {
    if (name in values) throw new Error(`two slots bind the parameter "${name}"`);
    values[name] = value;
  }
  return values;
}
