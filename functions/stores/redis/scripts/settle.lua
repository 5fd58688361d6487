-- Stored events are confirmed, refused ones let go. One atomic call per request. Decision 5.
-- ARGV  1 the key prefix, {bucket}:{workspace}:   2 the request   3 a confirmation's life, s
--       4 how many ids are confirmed   5... those ids, then the released ones
-- A claim that is not this request's own is never let go: its own request still decides.
local prefix, mine, life = ARGV[1], 'p:' .. ARGV[2], ARGV[3]
local last = 4 + tonumber(ARGV[4])
for i = 5, last do
  redis.call('SET', prefix .. ARGV[i], 'c', 'EX', life)
end
local released = 0
for i = last + 1, #ARGV do
  if redis.call('GET', prefix .. ARGV[i]) == mine then
    released = released + redis.call('DEL', prefix .. ARGV[i])
  end
end
return released
