#!lua flags=allow-oom
--- @include "lib/batch"
-- Marks a batch as cancelled: from now on none of its members starts. What waits or fails is
-- cancelled by `cancel_members` and in its children, slice by slice.
-- Returns 1, 0 when it is settled (nothing is done), -1 when it is unknown.
local batch = key_batch(bid)
if redis.call('EXISTS', batch) == 0 then return -1 end
local is = standing(bid)
local _, _, settled = due(is)
if settled and is.settled_at > 0 then return 0 end
if is.cancelled_at == 0 then
  redis.call('HSET', batch, 'cancelled_at', string.format('%d', now))
  redis.call('ZADD', key_cancelling, string.format('%d', now), bid)
  touch(bid)
  settle_all(now)
end
return 1
