import type { ClickHouseClient } from "@clickhouse/client";

const SLICES = 50;
const SPAN_MS = 30 * 24 * 60 * 60 * 1_000;
const SLICE_MS = SPAN_MS / SLICES;
/** Copies `events` of one shard into another slice of time, as other events of other shards. */
const COPY = `
INSERT INTO events
SELECT * REPLACE (
    toString(generateUUIDv4()) AS message_id,
    timestamp - toIntervalMillisecond({shift_ms: UInt64} + rand() % {slice_ms: UInt64}) AS timestamp,
    original_timestamp - toIntervalMillisecond({shift_ms: UInt64} + rand() % {slice_ms: UInt64}) AS original_timestamp,
    received_at - toIntervalMillisecond({shift_ms: UInt64} + rand() % {slice_ms: UInt64}) AS received_at,
    concat('shardId-', leftPad(toString(rand(1) % 16), 12, '0')) AS _shard,
    toFixedString(concat('4960', leftPad(toString({first: UInt64} + rowNumberInAllBlocks()), 52, '0')), 56) AS _seq,
    0 AS _sub
)
FROM events
WHERE _shard = {copied: String}
LIMIT {rows: UInt64}`;

/**
 * Makes `rows` rows of those that the shard `copied` has: a slice of time behind the other over the last 30 days, on 16
 * shards, with ids of their own, in parts as load leaves them. `copied` needs a fiftieth of them.
 */
export async function storeRows(client: ClickHouseClient, copied: string, rows: number): Promise<void> {
  const perSlice = rows / SLICES;
  for (let slice = 0; slice < SLICES; slice++)
    await client.command({
      query: COPY,
      query_params: {
        ...{ copied, rows: perSlice, first: slice * perSlice },
        ...{ shift_ms: (SLICES - 1 - slice) * SLICE_MS, slice_ms: SLICE_MS },
      },
      clickhouse_settings: { max_threads: 2, max_partitions_per_insert_block: "0" },
    });
}
