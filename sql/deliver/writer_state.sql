-- What has the writer stored lately, and in how many pieces does it lie?
SELECT
    (SELECT count() FROM events) AS rows,
    (SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active) AS parts,
    (SELECT count() FROM events WHERE received_at > now64() - INTERVAL 1 MINUTE) AS rows_last_minute,
    (SELECT count() FROM events WHERE received_at > now64() - INTERVAL 1 HOUR) AS rows_last_hour,
    (SELECT toUnixTimestamp64Milli(max(received_at)) FROM events WHERE received_at > now64() - INTERVAL 1 DAY) AS newest_ms,
    (SELECT count() FROM recent_suspects WHERE noted_at > now64() - INTERVAL 15 MINUTE) AS suspects_noted
