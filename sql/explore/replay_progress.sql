-- What became of one replay: how many letters it took up, sent again, and saw fail again?
SELECT
    uniqExact(letter_id) AS requested,
    uniqExactIf(letter_id, sent) AS sent,
    min(requested_at) AS at,
    (
        SELECT uniqExact(id)
        FROM dead_letters
        WHERE workspace_id = {workspace_id: UUID} AND replay_id = {replay_id: String}
    ) AS failed_again
FROM replays
WHERE workspace_id = {workspace_id: UUID}
  AND replay_id = {replay_id: String}
HAVING requested > 0
