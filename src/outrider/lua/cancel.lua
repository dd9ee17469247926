#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/interrupt"
-- Marks a batch as cancelled: from now on none of its members starts. With `running` 1 those that run
-- are to be interrupted, its children's too: the wish stays in the batch until all is done. What waits or
-- fails is cancelled by `cancel_members` and in its children, slice by slice.
-- Returns {1, 0 when it is settled (nothing is done), -1 when it is unknown; the mark of what is under way
-- or ''; whether running members are to be interrupted}.
local batch = key_batch(bid)
local function answer(state)
  return { state, redis.call('ZSCORE', key_cancelling, bid) or '', redis.call('HEXISTS', batch, 'interrupt') }
end

if redis.call('EXISTS', batch) == 0 then return answer(-1) end
local is = standing(bid)
local _, _, settled = due(is)
if settled and is.settled_at > 0 then return answer(0) end
local wished = running == 1 and redis.call('HSETNX', batch, 'interrupt', 1) == 1
if is.cancelled_at == 0 then
  redis.call('HSET', batch, 'cancelled_at', string.format('%d', now))
  touch(bid)
end
if is.cancelled_at == 0 or wished then
  -- Whoever is about to end an earlier round must see that there is more to do.
  if redis.call('ZADD', key_cancelling, 'NX', string.format('%d', now), bid) == 0 then
    redis.call('ZINCRBY', key_cancelling, 1, bid)
  end
end
if running == 1 then interrupt(bid) end
settle_all(now)
return answer(1)
