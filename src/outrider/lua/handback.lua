#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/held"
-- Hands up to `limit` jobs (or those that fill `bytes`) that are held for names which are not paused back to
-- the front of their queues: the newest first, so that in the end the oldest lies in front. An audit that has
-- read these queues would not meet them: it is void.
-- Returns how many names are left whose jobs are to go back.
local names = redis.call('SDIFF', key_heldnames, key_pausednames)
local size = 0

local function newest(key)
  local found = {}
  while limit > 0 and size < bytes do
    local payload = redis.call('LINDEX', key, #found)
    if not payload then break end
    table.insert(found, payload)
    limit, size = limit - 1, size + #payload
  end
  return found
end

-- The batches that these are members or callbacks of.
local function batches_of(jobs)
  local found = {}
  for _, job in ipairs(jobs) do
    local _, _, bid, cb = read(job.payload)
    if bid then found[bid] = true end
    if cb then found[string.match(cb, '^%x*')] = true end
  end
  return found
end

local left = #names
for _, name in ipairs(names) do
  local found, back = newest(key_held(name)), {}
  -- As `give_back` wants them: in the order in which they are to be taken.
  for i = #found, 1, -1 do
    local _, queue = read(found[i])
    table.insert(back, { queue = queue or 'default', payload = found[i] })
  end
  give_back(back)
  for bid in pairs(batches_of(back)) do void_audit(bid) end
  if #found > 0 then redis.call('LTRIM', key_held(name), #found, -1) end
  if not check_held(name) then left = left - 1 end
end
return left
