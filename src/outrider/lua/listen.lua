#!lua
--- @include "lib/lane"
--- @include "lib/batch"
-- Adds a callback to a batch that exists; for an event that has fired it is pushed at once.
-- Returns 1, 0 when the lane is not ours, -1 when the batch is unknown.
local said = lane_says(lane, number, digest)
if said then return said end
local batch = key_batch(bid)
if redis.call('EXISTS', batch) == 0 then return -1 end
local index = redis.call('HINCRBY', batch, 'callbacks:' .. event, 1) - 1
redis.call('HSET', batch, 'cb:' .. event .. ':' .. index, callback)
lane_note(lane, number, digest)
if redis.call('HEXISTS', batch, event .. '_at') == 1 then
  push_callback(bid, event, index, now)
  touch(bid)
  settle_all(now)
end
return 1
