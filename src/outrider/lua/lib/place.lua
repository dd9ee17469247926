--- @include "lib/payload"
-- Where a job lies when people act on it: a queue by its name, or one of the time-ordered sets. It is
-- known by its exact bytes, so that no neighbour of the same score is ever touched.
local function lies(place, name)
  if place == 'queue' then return key_queue(name) end
  return prefix .. place
end

-- How to take a job away: nil when it is not there, else what `take` wants to know.
local function hold(place, key, payload)
  if place ~= 'queue' then return redis.call('ZSCORE', key, payload) and 1 or nil end
  local at = redis.call('LPOS', key, payload, 'RANK', -1)
  if not at then return nil end
  return at * 2 < redis.call('LLEN', key) and 1 or -1
end

local function take(place, key, payload, from_end)
  if place == 'queue' then redis.call('LREM', key, from_end, payload) else redis.call('ZREM', key, payload) end
end
