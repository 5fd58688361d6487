-- Whose source is this, has its rate room, and which of these events are new? One atomic call per request.
-- Decisions 5, 6, 13e, 15a.
-- KEYS  1 the cached source, wk:{lookup}   2 the epoch, dedup:epoch
-- ARGV  1 the request   2 the bucket   3 a claim's life, s   4 now, ms   5 the day, yyyymmdd, or "" to count nothing
--       6 the workspace, or "" when the cached source decides about it and the next three
--       7 the scope of the rate   8 requests in a window   9 events in a day; "" = without a limit
--       10... message ids, each once
-- Returns the source (JSON, nil when not cached or not asked for), the epoch in ms, and a letter per id:
-- f fresh, s suspect, d duplicate. Without a source nothing is claimed and there are no letters. With a limit also:
-- which was met ("requests", "events" or ""), requests left in the window, and ms until it has room, or is empty.
local bucket, life, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
local workspace, scope, windowMax, dayMax = ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local FIRST, SLOT, SLOTS = 10, 100, 50

-- Set once: as long as it is there, no claim of its time was lost with the whole of Redis.
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = ARGV[4]
  redis.call('SET', KEYS[2], epoch)
end

local found = false
if workspace == '' then
  found = redis.call('GET', KEYS[1])
  -- What another version of the door left behind is as good as nothing.
  local readable, source = pcall(cjson.decode, found or '')
  if not readable or type(source) ~= 'table' or type(source.limits) ~= 'table' then
    return { false, epoch, '' }
  end
  workspace = source.workspaceId
  scope = source.limits.own and source.id or workspace
  -- A null of JSON is no number: nil, and so without a limit.
  windowMax, dayMax = tonumber(source.limits.windowRequestsMax), tonumber(source.limits.dayEventsMax)
end
if ARGV[5] == '' then
  windowMax, dayMax = nil, nil
end
local prefix = bucket .. ':' .. workspace .. ':'

-- The window is a ring of slots in a hash: n requests in all, t the oldest slot that is not let go yet, h the slot of
-- the newest request, and a count under each slot's place in the ring. A slot is let go once, so a call costs the same
-- however many requests there are.
local key, slot, head = 'rate:' .. scope, math.floor(now / SLOT), nil
local left, reset = 0, 0
if windowMax then
  local state = redis.call('HMGET', key, 'n', 'h', 't')
  local n, tail = tonumber(state[1]), tonumber(state[3])
  head = tonumber(state[2])
  if not head or math.abs(slot - head) >= SLOTS then
    -- Nothing of it counts any more; or a clock is a window behind, and an empty window is better than a stuck one.
    if head then
      redis.call('DEL', key)
    end
    n, head, tail = 0, nil, slot
  elseif slot < head then
    slot = head
  end
  local oldest = slot - SLOTS + 1
  if tail < oldest then
    local gone = {}
    for s = tail, oldest - 1 do
      gone[#gone + 1] = s % SLOTS
    end
    for _, count in ipairs(redis.call('HMGET', key, unpack(gone))) do
      n = n - (tonumber(count) or 0)
    end
    redis.call('HDEL', key, unpack(gone))
    redis.call('HSET', key, 'n', n, 't', oldest)
    tail = oldest
  end
  if n >= windowMax then
    local first = tail
    while first < slot and redis.call('HEXISTS', key, first % SLOTS) == 0 do
      first = first + 1
    end
    if first > tail then
      redis.call('HSET', key, 't', first)
    end
    return { found, epoch, '', 'requests', 0, (first + SLOTS) * SLOT - now }
  end
  left, reset = windowMax - n - 1, SLOTS * SLOT
end

-- Near the end of the day the duplicates are told first: they cost nothing.
local dayKey = key .. ':day:' .. ARGV[5]
if dayMax then
  local today = tonumber(redis.call('GET', dayKey) or 0)
  if today + #ARGV - FIRST + 1 > dayMax then
    local new = 0
    for i = FIRST, #ARGV do
      if redis.call('GET', prefix .. ARGV[i]) ~= 'c' then
        new = new + 1
      end
    end
    if new > 0 and today + new > dayMax then
      return { found, epoch, '', 'events', 0, 0 }
    end
  end
end

if windowMax then
  redis.call('HINCRBY', key, 'n', 1)
  redis.call('HINCRBY', key, slot % SLOTS, 1)
  if not head then
    redis.call('HSET', key, 'h', slot, 't', slot)
  elseif slot ~= head then
    redis.call('HSET', key, 'h', slot)
  end
  if slot ~= head then
    redis.call('PEXPIRE', key, 2 * SLOTS * SLOT)
  end
end

local mine, letters, new = 'p:' .. ARGV[1], {}, 0
for i = FIRST, #ARGV do
  local id = prefix .. ARGV[i]
  if redis.call('SET', id, mine, 'NX', 'EX', life) then
    letters[#letters + 1] = 'f'
    new = new + 1
  elseif redis.call('GET', id) == 'c' then
    letters[#letters + 1] = 'd'
  else
    letters[#letters + 1] = 's'
    new = new + 1
  end
end
if dayMax and new > 0 and redis.call('INCRBY', dayKey, new) == new then
  redis.call('EXPIRE', dayKey, 172800)
end
if windowMax or dayMax then
  return { found, epoch, table.concat(letters), '', left, reset }
end
return { found, epoch, table.concat(letters) }
