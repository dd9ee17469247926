--- @include "lib/place"
-- Finding one job and taking it away. It is known by its exact bytes, so that no neighbour of the same
-- score is ever touched.
local NEAR = 500

-- Looks near a position in the line of a queue, for to search all of it would hold up the server.
local function find_near(line, payload, at)
  local ahead = 0
  for _, part in ipairs(line) do
    local length = redis.call('LLEN', part.key)
    local first, last = math.max(at - NEAR - ahead, 0), math.min(at + NEAR - ahead, length - 1)
    local found = first <= last and redis.call('LRANGE', part.key, -last - 1, -first - 1) or {}
    for i = #found, 1, -1 do
      if found[i] == payload then
        part.from_end = (first + #found - i) * 2 < length and -1 or 1
        return part
      end
    end
    ahead = ahead + length
  end
end

-- The part of a place where a job lies; nil when it is not there, in a queue: not there near `at`.
local function find(place, name, payload, at)
  local all = parts(place, name)
  if place == 'queue' then return find_near(all, payload, at) end
  for _, part in ipairs(all) do
    if redis.call('ZSCORE', part.key, payload) then return part end
  end
end

local function take(place, part, payload)
  if place == 'queue' then
    redis.call('LREM', part.key, part.from_end, payload)
  else
    redis.call('ZREM', part.key, payload)
  end
  if part.name and redis.call('EXISTS', part.key) == 0 then redis.call('ZREM', key_moving, part.name) end
end
