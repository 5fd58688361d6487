-- The suspects that were stored lately: a first copy of one that comes late, after its repeat, is looked up although it is
-- clean (decision 15a). An hour is far longer than a put can be on its way.
CREATE TABLE recent_suspects
(
    shard LowCardinality(String),
    workspace_id UUID,
    message_id String,
    noted_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(noted_at)
ORDER BY (shard, noted_at)
TTL toDateTime(noted_at) + INTERVAL 1 HOUR
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 600;
