#!lua flags=allow-oom
--- @include "lib/batch"
-- Ends an audit of a batch, or (without `last`) a slice of it: `lost` members that lie nowhere are
-- deleted, `buried` ones {number, what is noted of it}, which lie only in the dead set, are dead, and
-- `callbacks` become {event:index, state}.
-- Returns 1, or 0 when the audit is void: then nothing is done.
if redis.call('HGET', key_batch(bid), 'audit') ~= audit then return 0 end
local slots, changes = slots_of(bid), {}
local function becomes(number, state)
  local now_is = state_of(slots, number)
  if now_is ~= WAITING and now_is ~= FAILING then return false end
  table.insert(changes, number); table.insert(changes, state)
  return true
end

for _, number in ipairs(lost) do becomes(number, DELETED) end
for _, one in ipairs(buried) do
  if becomes(one[1], DEAD) then note_failure(bid, one[1], one[2]) end
end
if #changes > 0 then advance(bid, changes, now) end
for _, one in ipairs(callbacks) do
  if OPEN[redis.call('HGET', key_batch(bid), 'cs:' .. one[1])] then callback_is(bid .. ':' .. one[1], one[2]) end
end
if last == 1 then void_audit(bid) end
settle_all(now)
return 1
