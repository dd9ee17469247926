#!lua flags=allow-oom
--- @include "lib/batch"
-- Counts the children of a batch whose record is gone before they settled as deleted: completed and
-- settled, never succeeded. One page of a scan. Returns the cursor for the next one, 0 at the end.
if redis.call('EXISTS', key_batch(bid)) == 0 then return 0 end
local page = redis.call('HSCAN', key_kids(bid), cursor, 'COUNT', 250)
for i = 1, #page[2], 2 do
  local child, was = page[2][i], tonumber(page[2][i + 1])
  if bit.band(was, 4) == 0 and redis.call('EXISTS', key_batch(child)) == 0 then
    recount(bid, child, was, 5)
    touch(bid)
  end
end
settle_all(now)
return tonumber(page[1])
