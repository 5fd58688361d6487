-- What was refused, and what became of it. Both tables only grow: a letter never changes, its replays lie beside it.
-- A letter that came twice is left out by whoever stores it; of two stored at the same moment a merge keeps one, and
-- every question reads each id once (LIMIT 1 BY id), so no FINAL.
CREATE TABLE dead_letters
(
    workspace_id UUID,
    id String,
    source_id UUID,
    message_id String,
    type LowCardinality(String),
    event LowCardinality(String),
    stage LowCardinality(String),
    code LowCardinality(String),
    field LowCardinality(String),
    message String,
    payload_kind LowCardinality(String),
    payload String CODEC(ZSTD(3)),
    attempt UInt32,
    trace String,
    replay_id String,
    received_at DateTime64(3, 'UTC'),
    rejected_at DateTime64(3, 'UTC'),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX id_seen id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX message_seen message_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX replay_seen replay_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(rejected_at)
ORDER BY (workspace_id, rejected_at, id);

-- One row for each letter of a replay. `sent`: the retry queue has it, or may have it.
CREATE TABLE replays
(
    workspace_id UUID,
    letter_id String,
    replay_id String,
    message_id String,
    edited Bool,
    sent Bool,
    requested_at DateTime64(3, 'UTC'),
    INDEX replay_seen replay_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX message_seen message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(requested_at)
ORDER BY (workspace_id, letter_id, replay_id);
