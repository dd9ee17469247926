#!lua flags=allow-oom
--- @include "lib/batch"
-- Cancels the waiting and failing ones of `count` members of a cancelled batch, from number `first`
-- on, but for the `running` ones: of those the outcome decides. Returns how many numbers are left.
local known = redis.call('HMGET', key_batch(bid), 'cancelled_at', 'n')
if not known[1] then return 0 end
local past = tonumber(known[2] or 0)
local runs = {}
for _, number in ipairs(running) do runs[number] = true end
local slots, changes = slots_of(bid), {}
for number = first, math.min(first + count, past) - 1 do
  local state = state_of(slots, number)
  if not runs[number] and (state == WAITING or state == FAILING) then
    table.insert(changes, number); table.insert(changes, CANCELLED)
  end
end
if #changes > 0 then advance(bid, changes, now) end
settle_all(now)
return math.max(0, past - first - count)
