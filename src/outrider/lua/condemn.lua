#!lua flags=allow-oom
--- @include "lib/batch"
-- Ends an audit of a batch, or (without `last`) a slice of it: `lost` members that lie nowhere are
-- deleted, `buried` ones {number, what is noted of it}, which lie only in the dead set, are dead, and
-- `callbacks` become {event:index, state}. Returns 1, or 0 when the audit is void: then nothing is done.
if redis.call('HGET', key_batch(bid), 'audit') ~= audit then return 0 end
local numbers, states = {}, {}
for _, number in ipairs(lost) do table.insert(numbers, number) end
for _, one in ipairs(buried) do table.insert(numbers, one[1]) end
if #numbers > 0 then states = slot_states(bid, numbers) end

local changes = {}
for i, number in ipairs(numbers) do
  if states[i] == WAITING or states[i] == FAILING then
    local one = buried[i - #lost]
    if one and one[2] ~= '' then note_failure(bid, number, one[2]) end
    table.insert(changes, { number, one and DEAD or DELETED })
  end
end
if #changes > 0 then advance(bid, changes, now) end
for _, one in ipairs(callbacks) do
  if OPEN[redis.call('HGET', key_batch(bid), 'cs:' .. one[1])] then callback_is(bid .. ':' .. one[1], one[2]) end
end
if last == 1 then void_audit(bid) end
settle_all(now)
return 1
