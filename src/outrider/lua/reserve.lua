#!lua
--- @include "lib/adding"
-- Reserves numbers for jobs that will be added to a batch; unused ones stay holes.
-- Returns the first number, -1 when the batch is unknown, -2 when it is settled, -3 when cancelled.
local no = refused(bid, inside)
if no then return no end
return redis.call('HINCRBY', key_batch(bid), 'n', count + count % 2) - count - count % 2
