-- Stored events are confirmed, refused ones let go, and what the request came to is noted. One atomic call per request.
-- Decisions 5, 14b.
-- KEYS  1 the live view, live:{source}   2 the counters, counts:{source}:{yyyymmdd}
-- ARGV  1 the key prefix of the ids, {bucket}:{workspace}:   2 the request   3 a confirmation's life, s
--       4 how many ids are confirmed   5 how many are released   6 an entry of the live view (JSON), or ""
--       7... those ids, then the released ones, then the counters: a name and by how much, in turn
-- A claim that is not this request's own is never let go: its own request still decides. Returns how many were.
local prefix, mine, life = ARGV[1], 'p:' .. ARGV[2], ARGV[3]
local confirmed = 6 + tonumber(ARGV[4])
local ids = confirmed + tonumber(ARGV[5])
for i = 7, confirmed do
  redis.call('SET', prefix .. ARGV[i], 'c', 'EX', life)
end
local released = 0
for i = confirmed + 1, ids do
  if redis.call('GET', prefix .. ARGV[i]) == mine then
    released = released + redis.call('DEL', prefix .. ARGV[i])
  end
end
if ARGV[6] ~= '' then
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'e', ARGV[6])
  redis.call('EXPIRE', KEYS[1], 604800)
end
local begun = false
for i = ids + 1, #ARGV, 2 do
  -- A counter that was not there may have made the hash, which then has no end yet.
  begun = redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) == tonumber(ARGV[i + 1]) or begun
end
if begun then
  redis.call('EXPIRE', KEYS[2], 3456000)
end
return released
