#!lua
--- @include "lib/lane"
--- @include "lib/batch"
-- Commits a block of jobs to a batch, all or nothing, and creates the batch when `create` holds its
-- fields. `ranges` are {first number, count}; the first of a range is even, so that its states are
-- whole bytes. Returns 1, 0 when the lane is not ours, -1 unknown, -2 settled.
local said = lane_says(lane, number, digest)
if said then return said end
local batch = key_batch(bid)
if #create == 0 then
  local known = redis.call('HMGET', batch, 'v', 'settled_at')
  if not known[1] then return -1 end
  if known[2] then return -2 end
end
local total = 0
for _, range in ipairs(ranges) do total = total + range[2] end
if #create > 0 then
  redis.call('HSET', batch, 'v', 1, 'created_at', string.format('%d', now), 'n', total + total % 2, unpack(create))
end
for _, range in ipairs(ranges) do
  local whole, odd = math.floor(range[2] / 2), range[2] % 2 == 1
  redis.call('SETRANGE', key_slots(bid), range[1] / 2, string.rep('\17', whole) .. (odd and '\16' or ''))
end
if first_queue ~= '' then redis.call('HSETNX', batch, 'queue', first_queue) end
redis.call('HINCRBY', batch, 'total', total)
redis.call('HINCRBY', batch, 's1', total)
for _, group in ipairs(queues) do push_all(group[1], group[2]) end
if #scheduled > 0 then call_many('ZADD', key_schedule, scheduled) end
redis.call('ZADD', key_batches, string.format('%d', now), bid)
lane_note(lane, number, digest)
judge(bid, now)
return 1
