-- Why were events of one workspace refused: how many by code and field, the largest group first?
SELECT
    code, field, uniqExact(id) AS letters, min(rejected_at) AS first_at, max(rejected_at) AS last_at,
    argMax(id, rejected_at) AS last_id, argMax(message, rejected_at) AS last_message,
    groupUniqArray(10)(stage) AS stages
FROM dead_letters
WHERE workspace_id = {workspace_id: UUID}
  /* [filters] */
GROUP BY code, field
ORDER BY letters DESC, code, field
LIMIT {limit: UInt32}
