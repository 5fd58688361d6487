import type { ClickHouseClient } from "@clickhouse/client";
import type { Schema } from "./migration.ts";

/**
 * A ClickHouse database in words: engines, keys, TTL, settings, columns, skip indexes, projections and views with when
 * they are refreshed and where to, as ClickHouse itself spells them, without the ledger.
 */
export async function clickhouseSchema(client: ClickHouseClient, database: string): Promise<Schema> {
  const ask = async <Row>(query: string): Promise<Row[]> =>
    (await client.query({ query, query_params: { database }, format: "JSONEachRow" })).json<Row>();
  const parts = new Map<string, string>();
  const columns = new Map<string, string[]>();
  const whole = new Map<string, string>();
  // Only a name like my-db is quoted; the scratch database that this is compared with never is.
  const plain = (text: string) => withoutDefiner(text.replaceAll(`\`${database}\`.`, `${database}.`));
  const say = (name: string, definition: string) => {
    if (definition !== "") parts.set(name, plain(definition));
  };
  for (const row of await ask<TableRow>(TABLES)) {
    say(row.name, row.as_select === "" ? `table of engine ${engineOf(row)}` : `${row.engine} AS ${row.as_select}`);
    for (const key of ["partition", "sorting", "primary", "sampling"] as const)
      say(`${row.name} ${key} key`, row[`${key}_key`]);
    say(`${row.name} TTL`, clauseOf(row.engine_full, " TTL ", [" SETTINGS "]));
    say(`${row.name} settings`, clauseOf(row.engine_full, " SETTINGS ", []));
    say(`${row.name} refresh`, refreshOf(row));
    whole.set(row.name, plain(row.create_table_query));
  }
  for (const { table, column, definition } of await ask<ColumnRow>(COLUMNS)) {
    say(`${table} column ${column}`, definition);
    columns.set(table, [...(columns.get(table) ?? []), column]);
  }
  for (const { name, definition } of await ask<{ name: string; definition: string }>(INDEXES)) say(name, definition);
  return { parts, columns, whole };
}

type TableRow = Record<
  | "name"
  | "engine"
  | "engine_full"
  | "as_select"
  | "create_table_query"
  | "partition_key"
  | "sorting_key"
  | "primary_key"
  | "sampling_key",
  string
>;
type ColumnRow = { table: string; column: string; definition: string };

/** `engine_full` goes on with the clauses that have rows of their own. */
const CLAUSES = [" PARTITION BY ", " PRIMARY KEY ", " ORDER BY ", " SAMPLE BY ", " TTL ", " SETTINGS "];
const engineOf = ({ engine, engine_full }: TableRow): string =>
  clauseOf(` ENGINE ${engine_full || engine}`, " ENGINE ", CLAUSES);

/** `EVERY 2 MINUTE APPEND TO cdp.event_slots`; a view that is not refreshed has none. */
const refreshOf = ({ engine, create_table_query }: TableRow): string =>
  engine === "MaterializedView" ? clauseOf(create_table_query, " REFRESH ", [" (`", " DEFINER = ", " AS "]) : "";

/** As whom a view reads and writes is a matter of each server, not of the files; that it is somebody's right is theirs. */
export const withoutDefiner = (text: string): string =>
  text.replace(/ DEFINER = (?:`(?:[^`\\]|\\.)*`|\S+) SQL SECURITY DEFINER\b/, " SQL SECURITY DEFINER");

/** What stands after `from`, up to the first of `until`. */
function clauseOf(text: string, from: string, until: string[]): string {
  const start = text.indexOf(from);
  if (start < 0) return "";
  const rest = text.slice(start + from.length);
  const ends = until.map((mark) => rest.indexOf(mark)).filter((end) => end >= 0);
  return rest.slice(0, Math.min(rest.length, ...ends));
}

/** Tables behind a materialized view are named after it by a UUID; the view says all there is to say. */
const OURS = "database = {database: String} AND table != 'schema_migrations' AND NOT startsWith(table, '.inner')";

const TABLES = `
  SELECT name, engine, engine_full, as_select, create_table_query, partition_key, sorting_key, primary_key, sampling_key
  FROM system.tables WHERE ${OURS} AND NOT is_temporary ORDER BY name`;

const COLUMNS = `
  SELECT table, name AS column,
    concat(type, if(default_kind = '', '', concat(' ', default_kind, ' ', default_expression)),
      if(compression_codec = '', '', concat(' ', compression_codec)),
      if(comment = '', '', concat(' COMMENT ', comment))) AS definition
  FROM system.columns WHERE ${OURS} ORDER BY table, position`;

const INDEXES = `
  SELECT concat(table, ' index ', name) AS name, concat(expr, ' TYPE ', type_full, ' GRANULARITY ', toString(granularity)) AS definition
  FROM system.data_skipping_indices WHERE ${OURS}
  UNION ALL
  SELECT concat(table, ' projection ', name) AS name, query AS definition FROM system.projections WHERE ${OURS}`;
