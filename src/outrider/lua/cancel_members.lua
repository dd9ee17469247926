#!lua flags=allow-oom
--- @include "lib/batch"
-- Cancels the waiting and failing ones of `count` members of a cancelled batch, from number `first`
-- on, but for the `running` ones: of those the outcome decides. Returns how many numbers are left.
local known = redis.call('HMGET', key_batch(bid), 'cancelled_at', 'n')
if not known[1] then return 0 end
local past = tonumber(known[2] or 0)
local runs = {}
for _, number in ipairs(running) do runs[number] = true end
local numbers, changes = {}, {}
for number = first, math.min(first + count, past) - 1 do
  if not runs[number] then table.insert(numbers, number) end
end
if #numbers > 0 then
  for i, state in ipairs(slot_states(bid, numbers)) do
    if state == WAITING or state == FAILING then table.insert(changes, { numbers[i], CANCELLED }) end
  end
end
if #changes > 0 then advance(bid, changes, now) end
settle_all(now)
return math.max(0, past - first - count)
