-- Which of these dead letters are stored? Found along the key: near their times, in their workspaces.
SELECT DISTINCT id
FROM dead_letters
WHERE workspace_id IN {workspaces: Array(UUID)}
  AND rejected_at >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
  AND rejected_at <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  AND id IN {ids: Array(String)}
