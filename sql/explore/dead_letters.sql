-- Which events of one workspace were refused, the latest first? A letter may be stored twice until a merge: each id once.
SELECT
    id, source_id, message_id, type, event, stage, code, field, message, payload_kind, attempt, trace, replay_id,
    received_at, rejected_at
FROM dead_letters
WHERE workspace_id = {workspace_id: UUID}
  /* [filters] */
  /* [after] */
ORDER BY rejected_at DESC, id DESC
LIMIT 1 BY id
LIMIT {limit: UInt32}
