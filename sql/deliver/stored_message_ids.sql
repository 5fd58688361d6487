-- Which of these message ids of one workspace are stored, with an original time in the span?
SELECT DISTINCT message_id
FROM events
WHERE workspace_id = {workspace_id: UUID}
  AND original_timestamp >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
  AND original_timestamp <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  AND _key IN arrayMap(id -> sipHash64({workspace_id: UUID}, id), {ids: Array(String)})
  AND message_id IN {ids: Array(String)}
