-- Where is the event of this message id stored? Found by the bloom filter on `_key`, whatever its time.
SELECT source_id, type, event, timestamp, received_at, warnings
FROM events
WHERE workspace_id = {workspace_id: UUID}
  AND _key = sipHash64({workspace_id: UUID}, {message_id: String})
  AND message_id = {message_id: String}
ORDER BY received_at
LIMIT 100
