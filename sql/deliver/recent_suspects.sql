-- Which suspects of one shard were noted since a time? More than `most` are nobody's business.
SELECT DISTINCT workspace_id, message_id
FROM recent_suspects
WHERE shard = {shard: String}
  AND noted_at >= fromUnixTimestamp64Milli({since: Int64}, 'UTC')
LIMIT {most: UInt32}
