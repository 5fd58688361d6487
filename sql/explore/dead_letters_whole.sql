-- The next whole letters of a replay, the oldest first: as many as `limit` and `bytes` of payload allow, at least one.
SELECT id, source_id, message_id, type, payload_kind, payload, attempt, received_at, rejected_at
FROM
(
    SELECT
        *,
        sum(length(payload)) OVER (ORDER BY rejected_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bytes_so_far
    FROM
    (
        SELECT id, source_id, message_id, type, payload_kind, payload, attempt, received_at, rejected_at
        FROM dead_letters
        WHERE workspace_id = {workspace_id: UUID}
          /* [filters] */
          /* [after] */
        ORDER BY rejected_at, id
        LIMIT 1 BY id
        LIMIT {limit: UInt32}
    )
)
WHERE bytes_so_far - length(payload) < {bytes: UInt64}
ORDER BY rejected_at, id
