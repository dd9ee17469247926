#!lua flags=allow-oom
--- @include "lib/batch"
-- A page of a scan of the batches that are not at rest; what is left of those whose record is gone is
-- removed. Returns {next cursor, {bid, when it was audited last, how many numbers, members that wait
-- or fail, open callbacks, children not settled, all its counts as a text} ...}; the cursor is "0" at the end.
local COUNTS = { 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 'callbacks_open', 'callbacks_bad',
  'kids', 'kids_completed', 'kids_succeeded', 'kids_settled', 'total', 'n', 'v' }
local page = redis.call('ZSCAN', key_audit, cursor, 'COUNT', 250)
local answer = { page[1] }
for i = 1, #page[2], 2 do
  local bid, found = page[2][i], nil
  found = redis.call('HMGET', key_batch(bid), unpack(COUNTS))
  if not found[17] then
    remove_keys(bid)
  else
    for at, value in ipairs(found) do found[at] = value or '0' end
    table.insert(answer, { bid, tonumber(page[2][i + 1]), tonumber(found[16]), found[1] + found[2],
      tonumber(found[9]), found[11] - found[14], table.concat(found, ' ') })
  end
end
return answer
