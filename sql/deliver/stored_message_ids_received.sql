-- Which of these message ids of one workspace, sent without a time of their own, are stored and came in the span?
SELECT DISTINCT message_id
FROM events
WHERE workspace_id = {workspace_id: UUID}
  AND original_timestamp IS NULL
  AND received_at >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
  AND received_at <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  AND _key IN arrayMap(id -> sipHash64({workspace_id: UUID}, id), {ids: Array(String)})
  AND message_id IN {ids: Array(String)}
