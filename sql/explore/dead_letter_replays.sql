-- Which replays sent these letters again, the oldest first?
SELECT letter_id, replay_id, edited, sent, min(requested_at) AS at
FROM replays
WHERE workspace_id = {workspace_id: UUID}
  AND letter_id IN {ids: Array(String)}
GROUP BY letter_id, replay_id, edited, sent
ORDER BY at, replay_id
