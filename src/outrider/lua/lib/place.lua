--- @include "lib/moving"
-- Where a job lies when people act on it: a queue by its name, the held list of a job's name, or one of the
-- time-ordered sets. What is on its way there belongs to it. A queue is one line of jobs, its own before those
-- that are coming: a job that is moved on keeps its position in that line.
local function lies(place, name)
  if place == 'queue' then return key_queue(name) end
  if place == 'held' then return key_held(name) end
  return prefix .. place
end

local function is_list(place) return place == 'queue' or place == 'held' end

-- The lists or sets of a place, its own first; those on their way have a name.
local function parts(place, name)
  local found = { { key = lies(place, name) } }
  if place == 'queue' or place == 'schedule' then
    for _, one in ipairs(coming(name)) do table.insert(found, { key = key_staged(one), name = one }) end
  end
  return found
end

-- Looks for a job in the line of a queue or held list, in ever wider surroundings of a position: to search all
-- of it would hold up the server, and so would a few jobs where they are large. Returns the part where it lies,
-- its index there, and its position.
local NEAR, MUCH = { 0, 2, 20, 300, 2000 }, 524288

local function is_much(near, size) return near > 0 and size > MUCH end

local function find_near(line, payload, at)
  for _, near in ipairs(NEAR) do
    local ahead, size = 0, 0
    for _, part in ipairs(line) do
      local length = redis.call('LLEN', part.key)
      local first, last = math.max(at - near - ahead, 0), math.min(at + near - ahead, length - 1)
      local found = first <= last and redis.call('LRANGE', part.key, -last - 1, -first - 1) or {}
      for i = #found, 1, -1 do
        local index = first + #found - i
        if found[i] == payload then return part, index, ahead + index end
        size = size + #found[i]
      end
      ahead = ahead + length
    end
    if is_much(near, size) then return nil end
  end
end
