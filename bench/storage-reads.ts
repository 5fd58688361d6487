import { DAYS, messageIdOf, SHARDS, START_MS, seqOf, timeOf, workspaceId } from "./storage-rows.ts";

/** The questions that each variant is asked, over the biggest of the workspaces. `rows` is how many are stored. */
export function readsOf(table: string, rows: number): Record<string, string> {
  const day = 86_400_000;
  const end = START_MS + DAYS * day;
  const workspace = `workspace_id = '${workspaceId(0)}'`;
  const since = (days: number) =>
    `timestamp >= fromUnixTimestamp64Milli(${end - days * day}) AND timestamp < fromUnixTimestamp64Milli(${end})`;
  const mine = `${workspace} AND type = 'track' AND ${since(DAYS)}`;
  const json = (column: string, path: string, type: string) =>
    table.startsWith("text")
      ? `JSONExtract(${column}, '${path}', 'Nullable(${type})')`
      : `dynamicElement(${column}.${path}, '${type}')`;
  const price = table.startsWith("text")
    ? "JSONExtract(properties, 'price', 'Nullable(Float64)')"
    : "coalesce(dynamicElement(properties.price, 'Float64'), toFloat64(dynamicElement(properties.price, 'Int64')))";
  const page = (condition: string) =>
    `SELECT * FROM ${table} WHERE ${workspace} AND ${condition} AND ${since(7)} ORDER BY timestamp DESC, message_id DESC LIMIT 101`;
  const keys = (from: number, count: number, step: number) =>
    Array.from({ length: count }, (_, i) => `'${messageIdOf(from + i * step)}'`).join(",");
  const spanOf = (from: number, to: number) =>
    `original_timestamp >= fromUnixTimestamp64Milli(${timeOf(from, rows) - day / 24}) AND original_timestamp <= fromUnixTimestamp64Milli(${timeOf(to, rows) + day / 24})`;
  const known = (from: number, count: number, step: number) =>
    `SELECT DISTINCT message_id FROM ${table} WHERE ${workspace} AND ${spanOf(from, from + count * step)} AND _key IN arrayMap(id -> sipHash64(toUUID('${workspaceId(0)}'), id), [${keys(from, count, step)}]) AND message_id IN (${keys(from, count, step)})`;
  const range = (from: number, frames: number, shard: number) =>
    `SELECT _seq, _sub FROM ${table} WHERE _shard = 'shardId-${String(shard).padStart(12, "0")}' AND _seq >= toFixedString('${seqOf(from)}', 56) AND _seq <= toFixedString('${seqOf(from + frames)}', 56)`;
  const middle = Math.floor(rows / 2);
  return {
    "page of track": page("type = 'track'"),
    "page of alias": page("type = 'alias'"),
    "page of all": page("1"),
    "page, price > 499": page(`type = 'track' AND ifNull(${price} > 499, 0)`),
    "count by day": `SELECT toDate(timestamp) AS d, count() FROM ${table} WHERE ${mine} GROUP BY d`,
    "count of an event": `SELECT toDate(timestamp) AS d, count() FROM ${table} WHERE ${mine} AND event = 'Order Completed' GROUP BY d`,
    "filter on a property": `SELECT count() FROM ${table} WHERE ${mine} AND ifNull(${json("properties", "currency", "String")} = 'USD', 0)`,
    "rare property": `SELECT count() FROM ${table} WHERE ${mine} AND ifNull(${json("properties", "detail_99", "String")} = 'value 7 of detail_99', 0)`,
    "sum of a property": `SELECT event, sum(${price}) FROM ${table} WHERE ${mine} GROUP BY event`,
    "users by day": `SELECT toDate(timestamp) AS d, uniqExact(anonymous_id) FROM ${table} WHERE ${mine} GROUP BY d`,
    "funnel of 4": `SELECT level, count() FROM (SELECT windowFunnel(86400)(toDateTime(timestamp), event = 'Product Viewed', event = 'Product Added', event = 'Checkout Started', event = 'Order Completed') AS level FROM ${table} WHERE ${mine} AND event IN ('Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed') GROUP BY anonymous_id) GROUP BY level`,
    "one user's events": `SELECT * FROM ${table} WHERE ${workspace} AND anonymous_id = 'anon-0-0' AND ${since(DAYS)} ORDER BY timestamp DESC LIMIT 100`,
    "range, 500 frames": range(Math.floor(middle / 20), 500, Math.floor(middle / 50_000) % SHARDS),
    "range, not there": range(rows, 500, 3),
    "10 keys": known(middle, 10, 100),
    "1,000 keys": known(middle, 1_000, 10),
  };
}
