import { randomUUID } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";
import { fromClickHouse } from "./clickhouse-error.ts";

/** Rows of a table whose repeats are harmless, as objects. Texts must be well-formed, times `clickhouseTime`. */
export type InsertLines = (table: string, rows: readonly object[]) => Promise<void>;

/** One insert, done when it resolves. Whatever it throws, the rows may be there. Errors as `fromClickHouse` says. */
export const createInsertLines =
  (clickhouse: Pick<ClickHouseClient, "insert">): InsertLines =>
  async (table, rows) => {
    try {
      await clickhouse.insert({
        table,
        values: [...rows],
        format: "JSONEachRow",
        query_id: `writer:${randomUUID()}`,
        clickhouse_settings: { async_insert: 0, wait_end_of_query: 1, max_partitions_per_insert_block: "0" },
      });
    } catch (error) {
      throw fromClickHouse(error);
    }
  };

/** Milliseconds UTC as a DateTime64(3, 'UTC') reads them. */
export const clickhouseTime = (ms: number): string => new Date(ms).toISOString().slice(0, -1).replace("T", " ");
