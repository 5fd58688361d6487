import type { ClickHouseClient } from "@clickhouse/client";
import { fromClickHouse } from "./clickhouse-error.ts";
import { readSql } from "./sql-file.ts";

/** What the table tells of its writer. Times are milliseconds UTC; `newestMs` is 0 where nothing came in the last day. */
export type WriterState = {
  rows: number;
  parts: number;
  rowsLastMinute: number;
  rowsLastHour: number;
  newestMs: number;
  /** Events of the last 15 minutes that were looked up before they were stored. */
  suspectsNoted: number;
  /** The dead letters of the last hour, most frequent first. */
  letters: { stage: string; code: string; letters: number }[];
};

/** For whoever runs the system: over all workspaces. Errors as `fromClickHouse` says. */
export const createWriterState = (clickhouse: Pick<ClickHouseClient, "query">) => async (): Promise<WriterState> => {
  const rows = async <Row>(sql: string): Promise<Row[]> => {
    try {
      const answer = await clickhouse.query({ query: readSql(sql), format: "JSONEachRow" });
      return await answer.json<Row>();
    } catch (error) {
      throw fromClickHouse(error);
    }
  };
  const [state] = await rows<Record<string, string | number | null>>("deliver/writer_state");
  const letters = await rows<{ stage: string; code: string; letters: string | number }>("deliver/letters_lately");
  const number = (name: string) => Number(state?.[name] ?? 0);
  return {
    rows: number("rows"),
    parts: number("parts"),
    rowsLastMinute: number("rows_last_minute"),
    rowsLastHour: number("rows_last_hour"),
    newestMs: number("newest_ms"),
    suspectsNoted: number("suspects_noted"),
    letters: letters.map(({ stage, code, letters: count }) => ({ stage, code, letters: Number(count) })),
  };
};
