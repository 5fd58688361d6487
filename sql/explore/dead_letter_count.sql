-- How many dead letters would a replay of this filter send again?
SELECT uniqExact(id) AS letters
FROM dead_letters
WHERE workspace_id = {workspace_id: UUID}
  /* [filters] */
