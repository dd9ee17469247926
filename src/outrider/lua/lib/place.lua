--- @include "lib/moving"
-- Where a job lies when people act on it: a queue by its name, or one of the time-ordered sets. What is
-- on its way there belongs to it. A queue is one line of jobs, its own before those that are coming: a
-- job that is moved on keeps its position in that line.
local function lies(place, name)
  if place == 'queue' then return key_queue(name) end
  return prefix .. place
end

-- The lists or sets of a place, its own first; those on their way have a name.
local function parts(place, name)
  local found = { { key = lies(place, name) } }
  if place == 'queue' or place == 'schedule' then
    for _, one in ipairs(coming(name)) do table.insert(found, { key = key_staged(one), name = one }) end
  end
  return found
end
