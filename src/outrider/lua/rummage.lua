#!lua flags=no-writes
--- @include "lib/within"
-- A page of the trash, the newest first: up to `count` jobs (or those that fill a script) that were deleted
-- before `before`; of one operation, where one is given, and then without their payloads.
-- Returns {where the next page begins, '' at the end; time, job ...}.
local answer = { '' }
local found = within(count, BYTES, function(from, to)
  return redis.call('ZRANGE', key_trash, '(' .. before, '-inf', 'BYSCORE', 'REV', 'LIMIT', from, to - from + 1)
end)
local scores = #found > 0 and redis.call('ZMSCORE', key_trash, unpack(found)) or {}
for i, entry in ipairs(found) do
  if operation == '' then
    table.insert(answer, scores[i]); table.insert(answer, entry)
  elseif string.match(entry, '^%a+:[^:]*:(%x*):') == operation then
    table.insert(answer, scores[i]); table.insert(answer, 'dead::' .. operation .. ':0:')
  end
end
local last = scores[#scores]
if last and redis.call('ZCOUNT', key_trash, '-inf', '(' .. last) > 0 then answer[1] = last end
return answer
