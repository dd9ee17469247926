#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/held"
--- @include "lib/place"
--- @include "lib/within"
-- Deletes up to `limit` jobs (or those that fill a script), those first that would be taken first, and tells
-- their batches. What leaves the dead set was told when it died. Returns how many it has deleted.
local key, found = lies(place, name), nil
if is_list(place) then
  found = within(limit, BYTES, function(first, last) return from_tail(key, first, last) end)
else
  found = within(limit, BYTES, function(first, last) return redis.call('ZRANGE', key, first, last) end)
end
if #found == 0 then return 0 end
local changes, callbacks = {}, {}
for _, payload in ipairs(place == 'dead' and {} or found) do
  local jid, _, bid, cb = read(payload)
  if bid then
    if not changes[bid] then changes[bid] = {} end
    table.insert(changes[bid], member_number(jid)); table.insert(changes[bid], DELETED)
  end
  if cb then table.insert(callbacks, cb) end
end

if is_list(place) then
  redis.call('LTRIM', key, 0, -#found - 1)
  if place == 'held' then check_held(name) end
else
  redis.call('ZREM', key, unpack(found))
end
for bid, list in pairs(changes) do advance(bid, list, now) end
for _, cb in ipairs(callbacks) do callback_is(cb, 'deleted') end
settle_all(now)
return #found
