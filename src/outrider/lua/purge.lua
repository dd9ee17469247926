#!lua flags=allow-oom
--- @include "lib/payload"
-- Removes the members of a cancelled batch from `schedule` or `retry`, one page of a scan at a time.
-- Their states have been set already. Returns the cursor for the next page, 0 at the end.
local set = prefix .. name
local page = redis.call('ZSCAN', set, cursor, 'COUNT', 250)
local gone = {}
for i = 1, #page[2], 2 do
  local _, _, member_of = read(page[2][i])
  if member_of == bid then table.insert(gone, page[2][i]) end
end
for first = 1, #gone, 1000 do redis.call('ZREM', set, unpack(gone, first, math.min(first + 999, #gone))) end
return tonumber(page[1])
