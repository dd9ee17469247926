--- @include "lib/held"
--- @include "lib/place"
-- Finding one job and taking it away. It is known by its exact bytes, so that no neighbour of the same
-- score is ever touched.

-- The part of a place where a job lies; nil when it is not there, in a list: not there near `at`.
local function find(place, name, payload, at)
  local all = parts(place, name)
  if is_list(place) then
    local part, index = find_near(all, payload, at)
    if part then part.from_end = index * 2 < redis.call('LLEN', part.key) and -1 or 1 end
    return part
  end
  for _, part in ipairs(all) do
    part.score = redis.call('ZSCORE', part.key, payload)
    if part.score then return part end
  end
end

local function take(place, name, part, payload)
  if is_list(place) then
    redis.call('LREM', part.key, part.from_end, payload)
  else
    redis.call('ZREM', part.key, payload)
  end
  if part.name and redis.call('EXISTS', part.key) == 0 then redis.call('ZREM', key_moving, part.name) end
  if place == 'held' then check_held(name) end
end
