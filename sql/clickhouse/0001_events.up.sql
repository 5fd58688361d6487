-- One row per event, each once: the writer looks up what is there before it inserts, so no query needs FINAL.
-- Names with a dot (`context.page_url`) are columns beside the JSON column `context`, reached by the same spelling.
CREATE TABLE events
(
    workspace_id UUID,
    source_id UUID,
    message_id String,
    type LowCardinality(String),
    event LowCardinality(String),
    user_id String,
    anonymous_id String,
    group_id String,
    previous_id String,
    name String,
    category LowCardinality(String),
    timestamp DateTime64(3, 'UTC'),
    original_timestamp Nullable(DateTime64(3, 'UTC')),
    sent_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(3, 'UTC'),
    `context.ip` String,
    `context.user_agent` String,
    `context.locale` LowCardinality(String),
    `context.timezone` LowCardinality(String),
    `context.library_name` LowCardinality(String),
    `context.library_version` LowCardinality(String),
    `context.page_url` String,
    `context.page_path` String,
    `context.page_referrer` String,
    `context.page_search` String,
    `context.page_title` String,
    `context.campaign_name` LowCardinality(String),
    `context.campaign_source` LowCardinality(String),
    `context.campaign_medium` LowCardinality(String),
    `context.campaign_term` LowCardinality(String),
    `context.campaign_content` LowCardinality(String),
    `context.device_type` LowCardinality(String),
    `context.os_name` LowCardinality(String),
    `context.os_version` LowCardinality(String),
    `context.app_version` LowCardinality(String),
    properties JSON(max_dynamic_paths = 0),
    traits JSON(max_dynamic_paths = 0),
    context JSON(max_dynamic_paths = 0),
    _shard LowCardinality(String),
    _seq FixedString(56),
    _sub UInt32,
    _key UInt64 MATERIALIZED sipHash64(workspace_id, message_id),
    INDEX seq_range _seq TYPE minmax GRANULARITY 1,
    INDEX key_seen _key TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (workspace_id, type, timestamp)
SETTINGS non_replicated_deduplication_window = 10000, min_level_for_wide_part = 1,
    object_serialization_version = 'v3', object_shared_data_serialization_version = 'advanced',
    object_shared_data_serialization_version_for_zero_level_parts = 'map_with_buckets',
    object_shared_data_buckets_for_wide_part = 8;

CREATE VIEW events_track AS SELECT * FROM events WHERE type = 'track';

CREATE VIEW events_identify AS SELECT * FROM events WHERE type = 'identify';

CREATE VIEW events_page AS SELECT * FROM events WHERE type = 'page';

CREATE VIEW events_screen AS SELECT * FROM events WHERE type = 'screen';

CREATE VIEW events_group AS SELECT * FROM events WHERE type = 'group';

CREATE VIEW events_alias AS SELECT * FROM events WHERE type = 'alias';
