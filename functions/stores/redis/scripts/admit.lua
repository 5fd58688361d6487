-- Whose write key is this, and which of these events are new? One atomic call per request. Decisions 5, 6, 15a.
-- KEYS  1 the cached write key, wk:{sha256}   2 the epoch, dedup:epoch
-- ARGV  1 the workspace, or "" when the cached key decides   2 a source (JSON) to cache, or ""   3 its life, s
--       4 the request   5 the bucket   6 a claim's life, s   7 now, ms   8... message ids, each once
-- Returns the source (JSON, nil when not cached or not asked for), the epoch in ms, and a letter per id:
-- f fresh, s suspect, d duplicate. Without a workspace nothing is claimed and there are no letters.
-- What a later version adds goes before the ids and after the letters: caller and script change together.
local workspace, source, life, bucket, now = ARGV[1], ARGV[2], ARGV[6], ARGV[5], ARGV[7]
local mine = 'p:' .. ARGV[4]

-- Set once: as long as it is there, no claim of its time was lost with the whole of Redis.
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = now
  redis.call('SET', KEYS[2], epoch)
end

local found = false
if source ~= '' then
  redis.call('SET', KEYS[1], source, 'EX', ARGV[3])
elseif workspace == '' then
  found = redis.call('GET', KEYS[1])
  if not found then
    return { false, epoch, '' }
  end
  workspace = cjson.decode(found).workspaceId
end

local prefix = bucket .. ':' .. workspace .. ':'
local letters = {}
for i = 8, #ARGV do
  local key = prefix .. ARGV[i]
  if redis.call('SET', key, mine, 'NX', 'EX', life) then
    letters[#letters + 1] = 'f'
  elseif redis.call('GET', key) == 'c' then
    letters[#letters + 1] = 'd'
  else
    letters[#letters + 1] = 's'
  end
end
return { found, epoch, table.concat(letters) }
