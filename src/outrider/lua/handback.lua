#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/held"
--- @include "lib/within"
-- Hands up to `limit` jobs (or those that fill `bytes`) that are held for names which are not paused back to
-- the front of their queues: the newest first, so that in the end the oldest lies in front. An audit that has
-- read these queues would not meet them: it is void.
-- Returns how many names are left whose jobs are to go back.
local names = redis.call('SDIFF', key_heldnames, key_pausednames)
local left = #names

for _, name in ipairs(names) do
  local found = within(limit, bytes, function(first, last)
    return redis.call('LRANGE', key_held(name), first, last)
  end)
  limit = limit - #found
  local back, batches = {}, {}
  -- As `give_back` wants them: in the order in which they are to be taken.
  for i = #found, 1, -1 do
    local _, queue, bid, cb = read(found[i])
    table.insert(back, { queue = queue or 'default', payload = found[i] })
    bytes = bytes - #found[i]
    if bid then batches[bid] = true end
    if cb then batches[string.match(cb, '^%x*')] = true end
  end
  give_back(back)
  for bid in pairs(batches) do void_audit(bid) end
  if #found > 0 then redis.call('LTRIM', key_held(name), #found, -1) end
  if not check_held(name) then left = left - 1 end
end
return left
