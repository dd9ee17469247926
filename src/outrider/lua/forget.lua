#!lua flags=allow-oom
--- @include "lib/batch"
-- Forgets a batch that is at rest; with `force` also one that is not, as soon as it is at rest.
-- Returns 1 when it is forgotten now, 0 when it is not at rest, -1 when it is unknown.
if redis.call('EXISTS', key_batch(bid)) == 0 then return -1 end
local is = standing(bid)
if at_rest(is) then
  forget(bid, is, now)
  return 1
end
if force == 1 then redis.call('HSET', key_batch(bid), 'forget', 1) end
return 0
