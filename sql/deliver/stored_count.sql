-- How many events of a range of one shard's records are stored?
SELECT count() AS events
FROM events
WHERE _shard = {shard: String}
  AND _seq >= toFixedString({from: String}, 56)
  AND _seq <= toFixedString({to: String}, 56)
