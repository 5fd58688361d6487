-- Totals that questions need ready, proof against retries (reliability.md 3.6): nothing is counted while it is inserted.
-- Every few minutes what was stored lately is counted again, whole, from `events`, which holds each event once. See README.md.

-- When the server stored it. What is there already is taken for stored when it was received.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS _stored_at DateTime('UTC') MATERIALIZED toDateTime(received_at, 'UTC') CODEC(Delta, ZSTD(1)),
    ADD INDEX IF NOT EXISTS stored_range _stored_at TYPE minmax GRANULARITY 1;

ALTER TABLE events MATERIALIZE COLUMN _stored_at, MATERIALIZE INDEX stored_range;

ALTER TABLE events MODIFY COLUMN _stored_at DateTime('UTC') MATERIALIZED now('UTC') CODEC(Delta, ZSTD(1));

-- The events of a quarter of an hour (`slot`) that were stored within five minutes (`stored_slot`). Of several rows of one
-- key the newest counts (`computed_at`), and one of 0 events says that nothing is left. The row of the workspace ffffffff is
-- the last that a refresh writes: what was stored until its `last_timestamp` is counted. No partitions, or it might not be.
CREATE TABLE event_slots
(
    workspace_id UUID,
    slot DateTime('UTC'),
    source_id UUID,
    type LowCardinality(String),
    event LowCardinality(String),
    stored_slot DateTime('UTC'),
    events UInt64,
    first_timestamp DateTime64(3, 'UTC'),
    last_timestamp DateTime64(3, 'UTC'),
    last_message_id String,
    computed_at DateTime64(3, 'UTC'),
    INDEX stored_range stored_slot TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (workspace_id, slot, source_id, type, event, stored_slot);

-- The same by person, for sessions: who has events in a slot is not away for 15 minutes within it, so no session ends there.
-- Of events at one millisecond, one is the entry or the exit, always the same: a hash of what it was decides.
CREATE TABLE actor_slots
(
    workspace_id UUID,
    slot DateTime('UTC'),
    user_id String,
    anonymous_id String,
    stored_slot DateTime('UTC'),
    events UInt64,
    page_views UInt64,
    first_timestamp DateTime64(3, 'UTC'),
    entry String,
    last_timestamp DateTime64(3, 'UTC'),
    exit String,
    computed_at DateTime64(3, 'UTC'),
    INDEX stored_range stored_slot TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (workspace_id, slot, user_id, anonymous_id, stored_slot);

-- Where events were changed otherwise than by an insert: counted again by the next refresh, however old.
CREATE TABLE stale_slots
(
    workspace_id UUID,
    stored_slot DateTime('UTC'),
    reason String,
    marked_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = MergeTree
ORDER BY marked_at
TTL marked_at + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW event_slots_refresh REFRESH EVERY 2 MINUTE APPEND TO event_slots EMPTY AS
WITH
    toUUID('ffffffff-ffff-ffff-ffff-ffffffffffff') AS nobody,
    (SELECT (max(computed_at), toDateTime(max(last_timestamp), 'UTC')) FROM event_slots WHERE workspace_id = nobody) AS before,
    (SELECT greatest(now64(3, 'UTC'), before.1 + INTERVAL 2 MILLISECOND)) AS started,
    greatest(before.2, toDateTime(600, 'UTC')) - INTERVAL 2 MINUTE AS since,
    toStartOfFiveMinutes(since) AS stored_from,
    (SELECT min(_stored_at) FROM events WHERE _stored_at >= stored_from) AS oldest,
    least(toDateTime(started, 'UTC'), greatest(before.2, oldest) + INTERVAL 1 DAY) AS stored_until,
    stale AS (SELECT workspace_id, stored_slot FROM stale_slots WHERE marked_at >= since AND stored_slot <= stored_until)
SELECT * FROM
(
    SELECT
        workspace_id, toStartOfFifteenMinutes(timestamp) AS slot, source_id, type, event, stored_slot, count() AS events,
        min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp,
        argMax(message_id, (timestamp, message_id)) AS last_message_id, started AS computed_at
    FROM
    (
        SELECT workspace_id, timestamp, source_id, type, event, message_id, toStartOfFiveMinutes(_stored_at) AS stored_slot
        FROM events
        WHERE _stored_at >= stored_from AND _stored_at <= stored_until
        UNION ALL
        SELECT workspace_id, timestamp, source_id, type, event, message_id, toStartOfFiveMinutes(_stored_at) AS stored_slot
        FROM events
        WHERE (workspace_id, toStartOfFiveMinutes(_stored_at)) IN (stale) AND _stored_at < stored_from
    )
    GROUP BY workspace_id, slot, source_id, type, event, stored_slot
    UNION ALL
    SELECT DISTINCT
        workspace_id, slot, source_id, type, event, stored_slot, 0 AS events,
        toDateTime64(0, 3, 'UTC') AS first_timestamp, toDateTime64(0, 3, 'UTC') AS last_timestamp,
        '' AS last_message_id, started - INTERVAL 1 MILLISECOND AS computed_at
    FROM event_slots
    WHERE (workspace_id, stored_slot) IN (stale)
    UNION ALL
    SELECT
        nobody AS workspace_id, toDateTime(0, 'UTC') AS slot, toUUID('00000000-0000-0000-0000-000000000000') AS source_id,
        '' AS type, '' AS event, toDateTime(0, 'UTC') AS stored_slot, 0 AS events,
        toDateTime64(0, 3, 'UTC') AS first_timestamp, toDateTime64(stored_until, 3, 'UTC') AS last_timestamp,
        '' AS last_message_id, started AS computed_at
    WHERE oldest > toDateTime(0, 'UTC') OR (SELECT count() FROM stale) > 0
)
ORDER BY workspace_id = nobody
SETTINGS max_threads = 1, max_insert_threads = 1, max_memory_usage = 1000000000, max_execution_time = 1800,
    max_bytes_before_external_group_by = 400000000, max_bytes_before_external_sort = 400000000;

CREATE MATERIALIZED VIEW actor_slots_refresh REFRESH EVERY 5 MINUTE APPEND TO actor_slots EMPTY AS
WITH
    toUUID('ffffffff-ffff-ffff-ffff-ffffffffffff') AS nobody,
    (SELECT (max(computed_at), toDateTime(max(last_timestamp), 'UTC')) FROM actor_slots WHERE workspace_id = nobody) AS before,
    (SELECT greatest(now64(3, 'UTC'), before.1 + INTERVAL 2 MILLISECOND)) AS started,
    greatest(before.2, toDateTime(600, 'UTC')) - INTERVAL 2 MINUTE AS since,
    toStartOfFiveMinutes(since) AS stored_from,
    (SELECT min(_stored_at) FROM events WHERE _stored_at >= stored_from) AS oldest,
    least(toDateTime(started, 'UTC'), greatest(before.2, oldest) + INTERVAL 1 DAY) AS stored_until,
    stale AS (SELECT workspace_id, stored_slot FROM stale_slots WHERE marked_at >= since AND stored_slot <= stored_until)
SELECT * FROM
(
    SELECT
        workspace_id, toStartOfFifteenMinutes(timestamp) AS slot, user_id, anonymous_id, stored_slot, count() AS events,
        countIf(type = 'page') AS page_views,
        min(timestamp) AS first_timestamp, argMin(what, place) AS entry,
        max(timestamp) AS last_timestamp, argMax(what, place) AS exit, started AS computed_at
    FROM
    (
        SELECT
            workspace_id, timestamp, user_id, anonymous_id, type, toStartOfFiveMinutes(_stored_at) AS stored_slot,
            multiIf(type = 'page' AND `context.page_path` != '', `context.page_path`, event != '', event, name != '', name, type) AS what,
            bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(timestamp)), 22), bitAnd(sipHash64(what), 4194303)) AS place
        FROM events
        WHERE _stored_at >= stored_from AND _stored_at <= stored_until
        UNION ALL
        SELECT
            workspace_id, timestamp, user_id, anonymous_id, type, toStartOfFiveMinutes(_stored_at) AS stored_slot,
            multiIf(type = 'page' AND `context.page_path` != '', `context.page_path`, event != '', event, name != '', name, type) AS what,
            bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(timestamp)), 22), bitAnd(sipHash64(what), 4194303)) AS place
        FROM events
        WHERE (workspace_id, toStartOfFiveMinutes(_stored_at)) IN (stale) AND _stored_at < stored_from
    )
    GROUP BY workspace_id, slot, user_id, anonymous_id, stored_slot
    UNION ALL
    SELECT DISTINCT
        workspace_id, slot, user_id, anonymous_id, stored_slot, 0 AS events, 0 AS page_views,
        toDateTime64(0, 3, 'UTC') AS first_timestamp, '' AS entry, toDateTime64(0, 3, 'UTC') AS last_timestamp, '' AS exit,
        started - INTERVAL 1 MILLISECOND AS computed_at
    FROM actor_slots
    WHERE (workspace_id, stored_slot) IN (stale)
    UNION ALL
    SELECT
        nobody AS workspace_id, toDateTime(0, 'UTC') AS slot, '' AS user_id, '' AS anonymous_id,
        toDateTime(0, 'UTC') AS stored_slot, 0 AS events, 0 AS page_views, toDateTime64(0, 3, 'UTC') AS first_timestamp,
        '' AS entry, toDateTime64(stored_until, 3, 'UTC') AS last_timestamp, '' AS exit, started AS computed_at
    WHERE oldest > toDateTime(0, 'UTC') OR (SELECT count() FROM stale) > 0
)
ORDER BY workspace_id = nobody
SETTINGS max_threads = 1, max_insert_threads = 1, max_memory_usage = 1000000000, max_execution_time = 1800,
    max_bytes_before_external_group_by = 400000000, max_bytes_before_external_sort = 400000000;

-- What people and questions read: each total once, up to the last refresh.
CREATE VIEW event_volume AS
SELECT
    workspace_id, slot, source_id, type, event, sum(newest.1) AS events,
    min(newest.2) AS first_timestamp, max(newest.3) AS last_timestamp, max((newest.3, newest.4)).2 AS last_message_id
FROM
(
    SELECT
        workspace_id, slot, source_id, type, event, stored_slot,
        argMax((events, first_timestamp, last_timestamp, last_message_id), computed_at) AS newest
    FROM event_slots
    GROUP BY workspace_id, slot, source_id, type, event, stored_slot
)
WHERE newest.1 > 0
GROUP BY workspace_id, slot, source_id, type, event;

CREATE VIEW event_days AS
SELECT
    workspace_id, toDate(slot, 'UTC') AS day, source_id, type, event, sum(event_volume.events) AS events,
    min(event_volume.first_timestamp) AS first_timestamp, max(event_volume.last_timestamp) AS last_timestamp
FROM event_volume
GROUP BY workspace_id, day, source_id, type, event;

CREATE VIEW event_catalog AS
SELECT
    workspace_id, type, event, sum(event_volume.events) AS events,
    min(event_volume.first_timestamp) AS first_timestamp, max(event_volume.last_timestamp) AS last_timestamp,
    max((event_volume.last_timestamp, event_volume.last_message_id)).2 AS last_message_id,
    arraySort(groupUniqArray(source_id)) AS source_ids
FROM event_volume
GROUP BY workspace_id, type, event;

CREATE VIEW actor_activity AS
SELECT
    workspace_id, slot, user_id, anonymous_id, sum(newest.1) AS events, sum(newest.2) AS page_views,
    min(newest.3) AS first_timestamp,
    argMin(newest.4, bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(newest.3)), 22), bitAnd(sipHash64(newest.4), 4194303))) AS entry,
    max(newest.5) AS last_timestamp,
    argMax(newest.6, bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(newest.5)), 22), bitAnd(sipHash64(newest.6), 4194303))) AS exit
FROM
(
    SELECT
        workspace_id, slot, user_id, anonymous_id, stored_slot,
        argMax((events, page_views, first_timestamp, entry, last_timestamp, exit), computed_at) AS newest
    FROM actor_slots
    GROUP BY workspace_id, slot, user_id, anonymous_id, stored_slot
)
WHERE newest.1 > 0
GROUP BY workspace_id, slot, user_id, anonymous_id;

-- Once a day the totals of the last week are compared with the events: what differs, from whatever cause, is counted again.
CREATE MATERIALIZED VIEW stale_slots_audit REFRESH EVERY 1 DAY OFFSET 3 HOUR APPEND TO stale_slots EMPTY AS
WITH
    toUUID('ffffffff-ffff-ffff-ffff-ffffffffffff') AS nobody,
    toStartOfFiveMinutes(now('UTC') - INTERVAL 7 DAY) AS audited_from,
    toStartOfFiveMinutes(least(
        (SELECT toDateTime(max(last_timestamp), 'UTC') FROM event_slots WHERE workspace_id = nobody),
        (SELECT toDateTime(max(last_timestamp), 'UTC') FROM actor_slots WHERE workspace_id = nobody)
    )) AS audited_until
SELECT workspace_id, stored_slot, 'audit' AS reason, now('UTC') AS marked_at
FROM
(
    SELECT workspace_id, toStartOfFiveMinutes(_stored_at) AS stored_slot, count() AS stored, 0 AS by_event, 0 AS by_actor
    FROM events
    WHERE _stored_at >= audited_from AND _stored_at < audited_until
    GROUP BY workspace_id, stored_slot
    UNION ALL
    SELECT workspace_id, stored_slot, 0 AS stored, sum(newest) AS by_event, 0 AS by_actor
    FROM
    (
        SELECT workspace_id, slot, source_id, type, event, stored_slot, argMax(events, computed_at) AS newest
        FROM event_slots
        WHERE stored_slot >= audited_from AND stored_slot < audited_until
        GROUP BY workspace_id, slot, source_id, type, event, stored_slot
    )
    GROUP BY workspace_id, stored_slot
    UNION ALL
    SELECT workspace_id, stored_slot, 0 AS stored, 0 AS by_event, sum(newest) AS by_actor
    FROM
    (
        SELECT workspace_id, slot, user_id, anonymous_id, stored_slot, argMax(events, computed_at) AS newest
        FROM actor_slots
        WHERE stored_slot >= audited_from AND stored_slot < audited_until
        GROUP BY workspace_id, slot, user_id, anonymous_id, stored_slot
    )
    GROUP BY workspace_id, stored_slot
)
GROUP BY workspace_id, stored_slot
HAVING sum(stored) != sum(by_event) OR sum(stored) != sum(by_actor)
SETTINGS max_threads = 1, max_insert_threads = 1, max_memory_usage = 1000000000, max_execution_time = 1800,
    max_bytes_before_external_group_by = 400000000, max_bytes_before_external_sort = 400000000;
