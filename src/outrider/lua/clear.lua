#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/lane"
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

-- Behind jobs that were cleared may lie callbacks which that has pushed: to clear once more would take them.
-- So a request that is sent again is answered with what the first one did; -1 says that there was nothing.
local said = lane_says(lane, number, digest)
local noted = said and string.match(redis.call('GET', key_lane(lane)), '^(%d+:%x+):%d+$')
if noted == string.format('%d:%s', number, digest) then
  return tonumber(string.match(redis.call('GET', key_lane(lane)), '%d+$'))
end
if said then return said end
if #found == 0 then return -1 end
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
lane_note(lane, number, digest .. ':' .. #found)
return #found
