-- What does one dead letter say, payload and all?
SELECT
    id, source_id, message_id, type, event, stage, code, field, message, payload_kind, payload, attempt, trace, replay_id,
    received_at, rejected_at
FROM dead_letters
WHERE workspace_id = {workspace_id: UUID}
  AND id = {id: String}
ORDER BY stored_at
LIMIT 1
