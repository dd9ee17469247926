#!lua flags=allow-oom
--- @include "lib/line"
--- @include "lib/payload"
-- Removes members of cancelled batches from `schedule` or `retry`, whichever batches they are of, one
-- page of a scan at a time: so one scan does for a whole tree. Who cancels sees to their states.
-- Returns {cursor for the next page, 0 at the end; how many bytes were read}.
local set = prefix .. name
local page = redis.call('ZSCAN', set, cursor, 'COUNT', count)
local gone, cancelled, size = {}, {}, 0
for i = 1, #page[2], 2 do
  size = size + #page[2][i]
  local _, _, bid = read(page[2][i])
  if bid and cancelled[bid] == nil then
    cancelled[bid] = is_cancelled(bid)
  end
  if bid and cancelled[bid] then table.insert(gone, page[2][i]) end
end
for first = 1, #gone, 1000 do redis.call('ZREM', set, unpack(gone, first, math.min(first + 999, #gone))) end
return { tonumber(page[1]), size }
