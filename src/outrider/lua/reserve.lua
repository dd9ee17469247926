#!lua
-- Reserves numbers for jobs that will be added to a batch; unused ones stay holes.
-- Returns the first number, -1 when the batch is unknown, -2 when it is settled.
local known = redis.call('HMGET', key_batch(bid), 'v', 'settled_at')
if not known[1] then return -1 end
if known[2] then return -2 end
return redis.call('HINCRBY', key_batch(bid), 'n', count + count % 2) - count - count % 2
