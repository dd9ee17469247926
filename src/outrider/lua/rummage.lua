#!lua flags=no-writes
--- @include "lib/within"
-- A page of the trash, the newest first: up to `count` jobs (or those that fill a script) that were deleted
-- before `before`; of one operation, where one is given, and then without their payloads.
-- Returns {where the next page begins, '' at the end; entry ...}.
local answer = { '' }
local found = within(count, BYTES, function(from, to)
  return redis.call('ZRANGE', key_trash, '(' .. before, '-inf', 'BYSCORE', 'REV', 'LIMIT', from, to - from + 1)
end)
local last
for _, entry in ipairs(found) do
  local head, of = string.match(entry, '^([^:]*:%a+:[^:]*:(%x*):)')
  last = head and string.match(head, '^[^:]*') or last
  if head and operation == '' then
    table.insert(answer, entry)
  elseif head and of == operation then
    table.insert(answer, head .. '0:')
  end
end
if last and redis.call('ZCOUNT', key_trash, '-inf', '(' .. last) > 0 then answer[1] = last end
return answer
