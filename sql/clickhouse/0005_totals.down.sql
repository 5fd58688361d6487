DROP VIEW IF EXISTS stale_slots_audit SYNC;

DROP VIEW IF EXISTS actor_activity;

DROP VIEW IF EXISTS event_catalog;

DROP VIEW IF EXISTS event_days;

DROP VIEW IF EXISTS event_volume;

DROP VIEW IF EXISTS actor_slots_refresh SYNC;

DROP VIEW IF EXISTS event_slots_refresh SYNC;

DROP TABLE IF EXISTS stale_slots SYNC;

DROP TABLE IF EXISTS actor_slots SYNC;

DROP TABLE IF EXISTS event_slots SYNC;

ALTER TABLE events DROP INDEX IF EXISTS stored_range, DROP COLUMN IF EXISTS _stored_at;
